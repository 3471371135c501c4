//! Rules, what a wake needs, and what is done until a replica is ready.

use std::collections::{BTreeMap, BTreeSet};

use super::http::{at_most, header_match};
use crate::load::Mode;
use crate::load::document::Document;
use crate::load::path::FieldPath;
use crate::resource::{self, HeaderName, HeaderValue, HttpSpec, PortRef};
use crate::workload::{
    Http, Respond, Rule, RuleAction, RuleMatch, Service, ServicePort, WakeRequires, WhileWaking,
};

/// Entries of `http.rules`.
pub(crate) const MOST_RULES: usize = 64;

/// Entries of each list in a rule's `match`, of `wakeRequires.headers`, and headers of a fixed answer.
pub(crate) const MOST_PARTS: usize = 64;

/// Bytes of a fixed answer's body: it is in every proxy's memory.
pub(crate) const LONGEST_BODY: usize = 16 << 10;

/// Fields that frame a message or belong to one connection: the proxy's own.
const FRAMING: [&str; 9] = [
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Adds to `http` what is said of requests before they are demand.
pub(super) fn edge(document: &mut Document, spec: &HttpSpec, mode: Mode, http: &mut Http) {
    let at = FieldPath::of("spec.http");
    http.rules = rules(document, &spec.rules, &at.key("rules"));
    let requires = spec.wake_requires.as_ref();
    http.wake_requires =
        requires.map(|spec| wake_requires(document, spec, &at.key("wakeRequires")));
    let at = at.key("whileWaking");
    http.while_waking = match &spec.while_waking {
        None | Some(resource::WhileWaking::Hold) => WhileWaking::Hold,
        Some(resource::WhileWaking::Page) => WhileWaking::Page,
        Some(resource::WhileWaking::Respond(spec)) => {
            WhileWaking::Respond(respond(document, spec, &at.key("respond")))
        }
        Some(resource::WhileWaking::Fallback(spec)) => {
            WhileWaking::Fallback(fallback(document, &spec.service, &at.key("fallback"), mode))
        }
    };
}

/// The rules of a list; problems are noted in the document.
pub(in crate::load) fn rules(
    document: &mut Document,
    spec: &[resource::Rule],
    at: &FieldPath,
) -> Vec<Rule> {
    at_most(document, at, spec.len(), MOST_RULES);
    let rule = |(i, spec): (usize, &resource::Rule)| {
        let at = at.index(i);
        let action = action(document, &spec.action, &at.key("action"));
        let matches = matches(document, &spec.matches, &at.key("match"));
        action.map(|action| Rule { matches, action })
    };
    spec.iter().enumerate().filter_map(rule).collect()
}

fn action(
    document: &mut Document,
    spec: &resource::RuleAction,
    at: &FieldPath,
) -> Option<RuleAction> {
    let given = [
        spec.respond.is_some(),
        spec.no_wake.is_some(),
        spec.wake.is_some(),
    ];
    let count = given.iter().filter(|given| **given).count();
    if count != 1 {
        if !document.touched(at) {
            let message = format!("has {count} of respond, noWake and wake; write exactly one");
            document.refuse(at, message);
        }
        return None;
    }
    if let Some(spec) = &spec.respond {
        return Some(RuleAction::Respond(respond(
            document,
            spec,
            &at.key("respond"),
        )));
    }
    let Some(spec) = &spec.no_wake else {
        return Some(RuleAction::Wake);
    };
    let at = at.key("noWake").key("respond");
    let asleep = spec.respond.as_ref();
    Some(RuleAction::NoWake(
        asleep.map(|spec| respond(document, spec, &at)),
    ))
}

fn matches(document: &mut Document, spec: &resource::RuleMatch, at: &FieldPath) -> RuleMatch {
    for (field, length) in [
        ("methods", spec.methods.len()),
        ("pathPrefixes", spec.path_prefixes.len()),
        ("headers", spec.headers.len()),
        ("userAgents", spec.user_agents.len()),
        ("sourceAddresses", spec.source_addresses.len()),
    ] {
        at_most(document, &at.key(field), length, MOST_PARTS);
    }
    same_twice(document, &spec.headers, &at.key("headers"));
    RuleMatch {
        methods: spec
            .methods
            .iter()
            .map(|one| one.as_str().to_owned())
            .collect(),
        path_prefixes: spec
            .path_prefixes
            .iter()
            .map(|path| path.0.clone())
            .collect(),
        headers: spec.headers.iter().map(header_match).collect(),
        user_agents: spec
            .user_agents
            .iter()
            .map(|one| one.as_str().to_owned())
            .collect(),
        source_addresses: spec.source_addresses.iter().map(|one| one.0).collect(),
    }
}

fn respond(document: &mut Document, spec: &resource::Respond, at: &FieldPath) -> Respond {
    let headers = at.key("headers");
    at_most(document, &headers, spec.headers.len(), MOST_PARTS);
    same_twice(document, &spec.headers, &headers);
    for name in spec.headers.keys() {
        if FRAMING.contains(&&*name.as_str().to_ascii_lowercase()) {
            document.refuse(
                &headers.key(name.as_str()),
                "frames the message, which is the proxy's to do; leave it out",
            );
        }
    }
    let status = u16::from(spec.status);
    let body = spec.body.clone().unwrap_or_default();
    if body.len() > LONGEST_BODY {
        let message = format!("has {} bytes; {LONGEST_BODY} are the most", body.len());
        document.refuse(&at.key("body"), message);
    }
    if matches!(status, 204 | 205 | 304) && !body.is_empty() {
        let message = format!(
            "stands with status {status}, which has none; leave it out, or write another status"
        );
        document.refuse_between(&at.key("body"), &[at.key("status")], message);
    }
    let header = |(name, value): (&HeaderName, &HeaderValue)| {
        (
            name.as_str().to_ascii_lowercase(),
            value.as_str().to_owned(),
        )
    };
    Respond {
        status,
        headers: spec.headers.iter().map(header).collect(),
        body,
    }
}

fn wake_requires(
    document: &mut Document,
    spec: &resource::WakeRequires,
    at: &FieldPath,
) -> WakeRequires {
    let headers = at.key("headers");
    if spec.headers.is_empty() && !document.touched(&headers) {
        document.refuse(
            &headers,
            "is empty: write what a request must have to wake it, such as [authorization]",
        );
    }
    at_most(document, &headers, spec.headers.len(), MOST_PARTS);
    let status = spec.status.map_or(401, u16::from);
    if ![401, 403, 503].contains(&status) {
        document.refuse(
            &at.key("status"),
            format!("is {status}; 401, 403 or 503 is wanted"),
        );
    }
    let names: BTreeSet<_> = spec
        .headers
        .iter()
        .map(|name| name.as_str().to_ascii_lowercase())
        .collect();
    WakeRequires {
        headers: names.into_iter().collect(),
        status,
    }
}

fn fallback(
    document: &mut Document,
    spec: &resource::ServiceRef,
    at: &FieldPath,
    mode: Mode,
) -> Service {
    let service = at.key("service");
    if mode == Mode::Standalone {
        document.refuse(at, "is another Service of a cluster, and this is standalone mode; write hold, page or respond");
    } else if spec.name.is_none() {
        document.refuse(
            &service.key("name"),
            "is missing; write the name of a Service that is always awake",
        );
    }
    Service {
        name: spec.name.clone().map(String::from).unwrap_or_default(),
        port: spec.port.as_ref().map(|port| match port {
            PortRef::Number(number) => ServicePort::Number(number.get()),
            PortRef::Name(name) => ServicePort::Name(name.clone()),
        }),
    }
}

/// Refuses names that differ by case alone.
pub(super) fn same_twice(
    document: &mut Document,
    headers: &BTreeMap<HeaderName, HeaderValue>,
    at: &FieldPath,
) {
    let mut seen = BTreeMap::new();
    for name in headers.keys() {
        if let Some(first) = seen.insert(name.as_str().to_ascii_lowercase(), name) {
            let message = format!("is the same header as {first}: names differ by more than case");
            document.refuse(&at.key(name.as_str()), message);
        }
    }
}
