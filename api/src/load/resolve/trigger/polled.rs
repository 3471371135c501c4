//! Triggers whose value is asked for.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::load::Mode;
use crate::load::document::Document;
use crate::load::path::FieldPath;
use crate::resource::{
    self, CredentialSpec, HeaderName, HeaderValue, NotNegative, PodsTrigger, Positive, Prometheus,
    WhenEmpty,
};
use crate::workload::{Access, Asked, Credential, Polled, Query, Scale};

const POLL_INTERVAL: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);
const POLLED_EVERY: Duration = Duration::from_secs(15);

const QUERY_TIMEOUT: RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(30);
/// KEDA's.
const ANSWERED_WITHIN: Duration = Duration::from_secs(3);

/// Labels and headers of one trigger.
const MOST_PAIRS: usize = 16;

/// `None`, with the problem noted or what it is refused for elsewhere: it is not one of these.
pub(super) fn polled(
    document: &mut Document,
    trigger: &resource::Trigger,
    scale: &Scale,
    (mode, at): (Mode, &FieldPath),
) -> Option<Polled> {
    let every = trigger.poll_interval.map(resource::Duration::get);
    if every.is_some_and(|every| !POLL_INTERVAL.contains(&every)) {
        document.refuse(&at.key("pollInterval"), "must be from 1s to 1h");
    }
    let fallback = trigger
        .fallback
        .as_ref()
        .map(|fallback| fallback.replicas.get());
    if let Some(fallback) = fallback.filter(|fallback| *fallback > scale.max) {
        let max_at = FieldPath::of("spec.replicas.max");
        let message = format!(
            "is {fallback}, and replicas.max is {}: there are never more",
            scale.max
        );
        document.refuse_between(&at.key("fallback").key("replicas"), &[max_at], message);
    }
    let common = |of, target, total, activation: Option<NotNegative>| Polled {
        of,
        target,
        total,
        activation: activation.map_or(0.0, f64::from),
        every: every.unwrap_or(POLLED_EVERY),
        timeout: ANSWERED_WITHIN,
        fallback,
    };
    if let Some(given) = &trigger.prometheus {
        let at = at.key("prometheus");
        let (target, total) = target(document, given.per_replica, given.total, &at)?;
        let of = prometheus(document, given, mode, &at);
        let timeout = given.timeout.map(resource::Duration::get);
        if timeout.is_some_and(|timeout| !QUERY_TIMEOUT.contains(&timeout)) {
            document.refuse(&at.key("timeout"), "must be from 100ms to 30s");
        }
        return Some(Polled {
            timeout: timeout.unwrap_or(ANSWERED_WITHIN),
            ..common(
                Asked::Prometheus(Box::new(of)),
                target,
                total,
                given.activation,
            )
        });
    }
    let given = trigger.pods.as_ref()?;
    let of = Asked::Pods(pods(document, given, mode, &at.key("pods")));
    Some(common(of, given.per_replica.get(), false, given.activation))
}

fn target(
    document: &mut Document,
    each: Option<Positive>,
    total: Option<Positive>,
    at: &FieldPath,
) -> Option<(f64, bool)> {
    match (each, total) {
        (Some(each), None) => Some((each.get(), false)),
        (None, Some(total)) => Some((total.get(), true)),
        (Some(_), Some(_)) => {
            let message = "stands together with perReplica: write how much one replica takes, or what the whole shall be";
            document.refuse_between(&at.key("total"), &[at.key("perReplica")], message);
            None
        }
        (None, None) => {
            let message = "is missing, and so is total: write how much one replica takes, or what the whole shall be";
            document.refuse_between(&at.key("perReplica"), &[at.key("total")], message);
            None
        }
    }
}

fn prometheus(document: &mut Document, given: &Prometheus, mode: Mode, at: &FieldPath) -> Query {
    if given.query.trim().is_empty() {
        document.refuse(
            &at.key("query"),
            "is empty; write one that yields one number, e.g. sum(rate(requests_total[2m]))",
        );
    } else if given.query.len() > 16384 {
        document.refuse(&at.key("query"), "is longer than 16384 characters");
    }
    if given.headers.len() > MOST_PAIRS {
        document.refuse(
            &at.key("headers"),
            format!("has more than {MOST_PAIRS} entries"),
        );
    }
    if let (Some(_), Some(_)) = (&given.bearer, &given.basic) {
        let message = "stands together with bearer: write one of them";
        document.refuse(&at.key("basic"), message);
    }
    let mut secret = |given: &Option<CredentialSpec>, at: &FieldPath| {
        given
            .as_ref()
            .and_then(|given| credential(document, given, mode, at))
    };
    let tls = given.tls.clone().unwrap_or_default();
    let tls_at = at.key("tls");
    let access = Access {
        headers: given.headers.iter().map(header).collect(),
        bearer: secret(&given.bearer, &at.key("bearer")),
        basic: given.basic.as_ref().and_then(|basic| {
            let at = at.key("basic").key("password");
            let password = secret(&Some(basic.password.clone()), &at)?;
            Some((basic.username.clone(), password))
        }),
        ca: secret(&tls.ca, &tls_at.key("ca")),
        identity: secret(&tls.certificate, &tls_at.key("certificate"))
            .zip(secret(&tls.key, &tls_at.key("key"))),
    };
    if given
        .basic
        .as_ref()
        .is_some_and(|basic| basic.username.contains(':'))
    {
        document.refuse(
            &at.key("basic").key("username"),
            "has a colon, which no user's name can have",
        );
    }
    if tls.certificate.is_some() != tls.key.is_some() {
        let (there, missing) = match tls.key {
            None => ("certificate", "key"),
            Some(_) => ("key", "certificate"),
        };
        document.refuse_between(
            &tls_at.key(there),
            &[tls_at.key(missing)],
            format!("stands without {missing}; write both or none"),
        );
    }
    Query {
        server: given.server_address.as_str().to_owned(),
        query: given.query.clone(),
        empty_is_zero: given.when_empty == Some(WhenEmpty::Zero),
        access,
    }
}

fn header((name, value): (&HeaderName, &HeaderValue)) -> (String, String) {
    (name.as_str().to_owned(), value.as_str().to_owned())
}

fn credential(
    document: &mut Document,
    given: &CredentialSpec,
    mode: Mode,
    at: &FieldPath,
) -> Option<Credential> {
    let (wanted, other) = match mode {
        Mode::Cluster => ("secret: {name: ..., key: ...}", "file"),
        Mode::Standalone => ("file: PATH", "secret"),
    };
    match (&given.secret, &given.file, mode) {
        (Some(secret), None, Mode::Cluster) => Some(Credential::Secret(
            secret.name.as_str().to_owned(),
            secret.key.clone(),
        )),
        (None, Some(file), Mode::Standalone) if !file.is_empty() && !file.contains('\0') => {
            let path = match document.file.parent() {
                Some(folder) => folder.join(file),
                None => file.into(),
            };
            Some(Credential::File(path))
        }
        _ if document.touched(at) => None,
        (None, None, _) => {
            document.refuse(at, format!("is empty; write {wanted}"));
            None
        }
        _ => {
            let at = at.key(other);
            let place = match mode {
                Mode::Cluster => "in a cluster",
                Mode::Standalone => "standalone",
            };
            document.refuse(&at, format!("is not for this mode; {place} write {wanted}"));
            None
        }
    }
}

fn pods(
    document: &mut Document,
    given: &PodsTrigger,
    mode: Mode,
    at: &FieldPath,
) -> std::collections::BTreeMap<String, String> {
    if mode == Mode::Standalone {
        document.refuse(
            at,
            "is for a cluster, and this runs standalone: there are no pods; leave it out",
        );
    }
    let labels_at = at.key("matchLabels");
    let count = given.match_labels.len();
    if count == 0 || count > MOST_PAIRS {
        document.refuse(
            &labels_at,
            format!("has {count} entries; write from 1 to {MOST_PAIRS}"),
        );
    }
    given.match_labels.clone()
}
