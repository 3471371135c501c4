//! What a schema of types can't say: contradictions between fields, and what this version doesn't do in a cluster.

mod triggers;

use serde_json::{Map, Value, json};

use crate::load::resolve::{
    LARGEST_ROUTE, LONGEST_BODY, MOST_PARTS, MOST_REPLICAS, MOST_ROUTES, MOST_RULES, MOST_TRIGGERS,
    MOST_WAKES,
};
use crate::workload::Scale;

/// Where in `spec` (`[]`: each element), the rule in CEL, what it says when it is broken, and at which field.
type Rule = (&'static str, &'static str, &'static str, &'static str);

/// Is broken by any value.
const NEVER: &str = "false";
const LONGER: &str = "!self.matches('^(0+(h|m|s|ms))+$')";
const LONGER_WANTED: &str = "is 0s: it must be longer";
const ABOVE_ONE: &str = "must be above 1: with 1 the count could never change";

const RULES: &[Rule] = &[
    (
        "replicas",
        "!has(self.min) || !has(self.max) || self.min <= self.max",
        "min may not be above max, which is 10 unless said",
        ".min",
    ),
    (
        "replicas",
        "!has(self.onWake) || !has(self.max) || self.onWake <= self.max",
        "onWake may not be above max, which is 10 unless said",
        ".onWake",
    ),
    (
        "replicas",
        "!has(self.initial) || !has(self.max) || self.initial <= self.max",
        "initial may not be above max, which is 10 unless said",
        ".initial",
    ),
    (
        "sleep",
        NEVER,
        "is not supported by this version; leave it out: sleep means zero replicas",
        "",
    ),
    (
        "behavior.stableWindow",
        "duration(self) >= duration('6s') && duration(self) <= duration('1h')",
        "must be from 6s to 1h",
        "",
    ),
    (
        "behavior.panicWindow",
        "duration(self) >= duration('1s')",
        "must be at least 1s",
        "",
    ),
    (
        "behavior",
        "!has(self.panicWindow) || duration(self.panicWindow) <= duration(has(self.stableWindow) ? self.stableWindow : '60s')",
        "may not be longer than stableWindow, which is 60s unless said",
        ".panicWindow",
    ),
    (
        "behavior.panicThreshold",
        "self >= 110.0 && self <= 1000.0",
        "must be from 110 to 1000, in percent",
        "",
    ),
    (
        "behavior.scaleDownDelay",
        "duration(self) <= duration('1h')",
        "must be at most 1h",
        "",
    ),
    ("behavior.maxScaleUpRate", "self > 1.0", ABOVE_ONE, ""),
    ("behavior.maxScaleDownRate", "self > 1.0", ABOVE_ONE, ""),
    (
        "behavior.utilization",
        "self >= 1.0 && self <= 100.0",
        "must be from 1 to 100, in percent",
        "",
    ),
    (
        "",
        "!has(self.triggers) || !has(self.replicas) || !has(self.replicas.max) || self.triggers.all(t, (!has(t.cron) || t.cron.replicas <= self.replicas.max) && (!has(t.fallback) || t.fallback.replicas <= self.replicas.max))",
        "a trigger asks for more than replicas.max: there are never more",
        ".triggers",
    ),
    (
        "wakes",
        "self.all(name, self.exists_one(other, other == name))",
        "is there twice; leave one out",
        "",
    ),
    (
        "target.process",
        NEVER,
        "is for standalone mode, and this runs in a cluster: leave it out, and write target.name unless the Deployment has the resource's own name",
        "",
    ),
    (
        "http",
        "!(has(self.hosts) && size(self.hosts) > 0 && has(self.routes) && size(self.routes) > 0)",
        "stands together with hosts: write hosts into each route, or hosts alone",
        ".routes",
    ),
    (
        "http",
        "(has(self.hosts) && size(self.hosts) > 0) || (has(self.routes) && size(self.routes) > 0) || has(self.front)",
        "are missing, and so are routes: no request would come here; write hosts: [\"*\"] for every request",
        ".hosts",
    ),
    (
        "http.routes[]",
        "(has(self.hosts) && size(self.hosts) > 0) || (has(self.pathPrefixes) && size(self.pathPrefixes) > 0) || (has(self.headers) && size(self.headers) > 0)",
        "has no parts: write hosts: [\"*\"] for every request",
        "",
    ),
    (
        "http.routes[]",
        "!has(self.hosts) || !has(self.pathPrefixes) || size(self.hosts) * size(self.pathPrefixes) <= 10000",
        "has more than 10000 pairs of host and path; divide it",
        "",
    ),
    (
        "http.concurrency",
        "!has(self.limit) || !has(self.perReplica) || self.perReplica <= double(self.limit)",
        "perReplica may not be above limit",
        ".perReplica",
    ),
    (
        "http",
        "!has(self.front) || !has(self.service) || !has(self.service.name) || self.service.name != self.front.service",
        "is in front of the pods (http.service); give that one another name, and name it there",
        ".front.service",
    ),
    (
        "http",
        "!(has(self.upstream) && has(self.upstream.dial) && self.upstream.dial == 'service' && has(self.concurrency) && has(self.concurrency.limit))",
        "is service, which can't keep a limit: leave out concurrency.limit, or write pod",
        ".upstream.dial",
    ),
    // No more than what fits 64 bits in thousandths. 1.5Gi is no integer to isInteger.
    (
        "http.hold.maxBytes",
        "type(self) == int || (isQuantity(string(self)) && quantity(string(self)).compareTo(quantity('18446744073709551')) <= 0 && double(int(quantity(string(self)).asApproximateFloat())) == quantity(string(self)).asApproximateFloat())",
        "whole bytes are wanted, e.g. 16Mi",
        "",
    ),
    ("http.hold.timeout", LONGER, LONGER_WANTED, ""),
    ("http.timeouts.connect", LONGER, LONGER_WANTED, ""),
    ("http.timeouts.responseHeader", LONGER, LONGER_WANTED, ""),
    (
        "http.rules[].action",
        "(has(self.respond) ? 1 : 0) + (has(self.noWake) ? 1 : 0) + (has(self.wake) ? 1 : 0) == 1",
        "write exactly one of respond, noWake and wake",
        "",
    ),
    (
        "http.rules[].action.respond.headers",
        NO_FRAMING,
        FRAMES,
        "",
    ),
    (
        "http.rules[].action.respond",
        NO_BODY,
        NO_BODY_WANTED,
        ".body",
    ),
    (
        "http.rules[].action.noWake.respond.headers",
        NO_FRAMING,
        FRAMES,
        "",
    ),
    (
        "http.rules[].action.noWake.respond",
        NO_BODY,
        NO_BODY_WANTED,
        ".body",
    ),
    (
        "http.wakeRequires.status",
        "self in [401, 403, 503]",
        "401, 403 or 503 is wanted",
        "",
    ),
];

const NO_FRAMING: &str = "self.all(name, !name.matches('^(?i)(connection|content-length|date|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade)$'))";
const FRAMES: &str = "frames the message, which is the proxy's to do; leave it out";
const NO_BODY: &str = "!(self.status in [204, 205, 304]) || !has(self.body) || self.body == ''";
const NO_BODY_WANTED: &str =
    "a status of 204, 205 or 304 has none; leave it out, or write another status";

/// Adds the rules and bounds to the schema of `spec`; the paths of those that found no place.
pub(super) fn add(spec: &mut Value) -> Vec<String> {
    let mut unplaced = Vec::new();
    let mut at = |path: &str, change: &dyn Fn(&mut Map<String, Value>)| match find(spec, path) {
        Some(node) => change(node),
        None => unplaced.push(path.to_owned()),
    };
    for (path, field, value) in values() {
        at(path, &|node| {
            node.insert(field.to_owned(), value.clone());
        });
    }
    let own = RULES
        .iter()
        .map(|(path, rule, message, field)| ((*path).to_owned(), *rule, *message, *field));
    for (path, rule, message, field) in own.chain(triggers::rules()) {
        at(&path, &|node| {
            let rules = node.entry("x-kubernetes-validations");
            let rules = rules.or_insert_with(|| json!([]));
            let mut added = json!({"rule": rule, "message": message});
            if !field.is_empty() {
                added["fieldPath"] = json!(field);
            }
            if let Value::Array(rules) = rules {
                rules.push(added);
            }
        });
    }
    unplaced
}

/// Bounds and defaults. The defaults stand in each stored object, so that `kubectl get` shows them.
fn values() -> Vec<(&'static str, &'static str, Value)> {
    let default = Scale::default();
    let mut values = vec![
        ("replicas", "default", json!({})),
        ("replicas.min", "default", json!(default.min)),
        ("replicas.max", "default", json!(default.max)),
        ("triggers", "maxItems", json!(MOST_TRIGGERS)),
        ("wakes", "maxItems", json!(MOST_WAKES)),
        ("http.rules", "maxItems", json!(MOST_RULES)),
        ("http.hosts", "maxItems", json!(LARGEST_ROUTE)),
        ("http.routes", "maxItems", json!(MOST_ROUTES)),
        ("http.routes[].hosts", "maxItems", json!(LARGEST_ROUTE)),
        (
            "http.routes[].pathPrefixes",
            "maxItems",
            json!(LARGEST_ROUTE),
        ),
        ("http.requestRate", "required", json!(["perReplica"])),
        ("http.front", "required", json!(["service"])),
    ];
    for path in [
        "http.rules[].match.methods",
        "http.rules[].match.pathPrefixes",
        "http.rules[].match.userAgents",
        "http.rules[].match.sourceAddresses",
    ] {
        values.push((path, "maxItems", json!(MOST_PARTS)));
    }
    values.push((
        "http.rules[].match.headers",
        "maxProperties",
        json!(MOST_PARTS),
    ));
    values.push(("http.wakeRequires", "required", json!(["headers"])));
    values.push(("http.wakeRequires.headers", "minItems", json!(1)));
    values.push(("http.wakeRequires.headers", "maxItems", json!(MOST_PARTS)));
    for (headers, body) in [
        (
            "http.rules[].action.respond.headers",
            "http.rules[].action.respond.body",
        ),
        (
            "http.rules[].action.noWake.respond.headers",
            "http.rules[].action.noWake.respond.body",
        ),
    ] {
        values.push((headers, "maxProperties", json!(MOST_PARTS)));
        values.push((body, "maxLength", json!(LONGEST_BODY)));
    }
    for path in [
        "replicas.min",
        "replicas.max",
        "replicas.onWake",
        "replicas.initial",
    ] {
        values.push((path, "maximum", json!(MOST_REPLICAS)));
        values.push((path, "format", json!("int32")));
    }
    values
}

/// The node of a field, e.g. `http.routes[].hosts`.
fn find<'a>(schema: &'a mut Value, path: &str) -> Option<&'a mut Map<String, Value>> {
    let mut node = schema;
    for step in path.split('.').filter(|step| !step.is_empty()) {
        let (field, element) = match step.strip_suffix("[]") {
            Some(field) => (field, true),
            None => (step, false),
        };
        node = node.get_mut("properties")?.get_mut(field)?;
        if element {
            node = node.get_mut("items")?;
        }
    }
    node.as_object_mut()
}
