//! Of triggers.

/// Where below `triggers[]`, and the rest as in [`super::Rule`].
const RULES: &[super::Rule] = &[
    (
        "",
        "[has(self.sqs), has(self.prometheus), has(self.cron), has(self.pods), has(self.cpu), has(self.memory), has(self.metricsApi), has(self.external), has(self.externalPush)].filter(given, given).size() == 1",
        "write exactly one",
        "",
    ),
    (
        "",
        "!has(self.cron) || (!has(self.pollInterval) && !has(self.fallback))",
        "is not for cron, which is always known; leave it out",
        ".cron",
    ),
    (
        ".pollInterval",
        "duration(self) >= duration('1s') && duration(self) <= duration('1h')",
        "must be from 1s to 1h",
        "",
    ),
    (
        ".sqs.queueURL",
        "self.matches('^https?://[^/]+/[^/]+/[^/]+/?$')",
        "is not a queue's URL; write one such as https://sqs.ap-northeast-1.amazonaws.com/123456789012/orders",
        "",
    ),
    (
        ".cron",
        "self.start != self.end",
        "is the same as start: the window would never end; write when it ends, or replicas.min for one that is always",
        ".end",
    ),
    (
        ".metricsApi.apiKey",
        "has(self.header) != has(self.query)",
        "wants one of header and query: write where it goes",
        "",
    ),
    (
        ".metricsApi.valueLocation",
        "self.trim().size() > 0",
        "is empty; write where in the answer the number is, e.g. jobs.waiting",
        "",
    ),
];

const USED: super::Rule = (
    "",
    "has(self.utilization) != has(self.average)",
    "write percent of what is requested, or an amount per pod",
    "",
);

const SECRET: super::Rule = (
    "",
    "has(self.secret) && !has(self.file)",
    "write secret: {name: ..., key: ...}",
    "",
);

/// What one replica takes, or what the whole shall be.
const TARGET: super::Rule = (
    "",
    "has(self.perReplica) != has(self.total)",
    "write how much one replica takes, or what the whole shall be",
    "",
);

const ONE_CREDENTIAL: super::Rule = (
    "",
    "!(has(self.bearer) && has(self.basic))",
    "stands together with bearer: write one of them",
    ".basic",
);

const TIMEOUT: super::Rule = (
    ".timeout",
    "duration(self) >= duration('100ms') && duration(self) <= duration('30s')",
    "must be from 100ms to 30s",
    "",
);

const TLS: super::Rule = (
    ".tls",
    "has(self.certificate) == has(self.key)",
    "write both or none",
    "",
);

const ADDRESS: super::Rule = (
    ".address",
    "self.matches('^https?://[^/]+/*$')",
    "has a path, and gRPC has none; write one such as http://scaler.team:9090",
    "",
);

/// All of them, with their whole path.
pub(super) fn rules() -> Vec<(String, &'static str, &'static str, &'static str)> {
    let mut all = Vec::new();
    let mut add = |of: &str, (path, rule, message, field): super::Rule| {
        all.push((format!("triggers[]{of}{path}"), rule, message, field));
    };
    for rule in RULES {
        add("", *rule);
    }
    for of in [".cpu", ".memory"] {
        add(of, USED);
    }
    for of in [
        ".sqs.keys.id",
        ".sqs.keys.secret",
        ".sqs.keys.session",
        ".metricsApi.apiKey.value",
    ] {
        add(of, SECRET);
    }
    for of in [".prometheus", ".metricsApi"] {
        for rule in [TARGET, ONE_CREDENTIAL] {
            add(of, rule);
        }
        for secret in [".bearer", ".basic.password"] {
            add(&format!("{of}{secret}"), SECRET);
        }
    }
    for of in [".prometheus", ".metricsApi", ".external", ".externalPush"] {
        for rule in [TIMEOUT, TLS] {
            add(of, rule);
        }
        for secret in [".tls.ca", ".tls.certificate", ".tls.key"] {
            add(&format!("{of}{secret}"), SECRET);
        }
    }
    for of in [".external", ".externalPush"] {
        add(of, ADDRESS);
    }
    all
}
