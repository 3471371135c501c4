use std::time::Duration;

use super::edge::same_twice;
use crate::load::document::Document;
use crate::load::path::FieldPath;
use crate::resource::{self, HeaderName, HeaderValue, HttpSpec, ProtocolSpec, RouteSpec};
use crate::workload::{
    HeaderMatch, Hold, HostPattern, Http, PathPrefix, Protocol, Route, Timeouts, WhileWaking,
};

/// Knative's default target: what one replica is taken to bear when nothing says otherwise. In requests in flight.
const DEFAULT_CONCURRENCY: f64 = 100.0;

/// The part of a hard limit that is scaled for, so that the next replica comes before requests have to wait.
const LIMIT_UTILISATION: f64 = 0.7;

/// Routes of one workload.
pub(crate) const MOST_ROUTES: usize = 256;

/// Hosts times path prefixes of one route.
pub(crate) const LARGEST_ROUTE: usize = 10_000;

pub(super) fn http(document: &mut Document, spec: &HttpSpec) -> Http {
    let at = FieldPath::of("spec.http");
    check_routes(document, spec, &at);
    let concurrency = spec.concurrency.clone().unwrap_or_default();
    let rate = spec.request_rate.as_ref();
    let per_replica = concurrency.per_replica.map(resource::Positive::get);
    if let (Some(per_replica), Some(limit)) = (per_replica, concurrency.limit)
        && per_replica > f64::from(limit.get())
    {
        let message =
            format!("is {per_replica} but limit is {limit}: perReplica may not be above limit");
        let field = at.key("concurrency");
        document.refuse_between(&field.key("perReplica"), &[field.key("limit")], message);
    }
    if rate.is_some_and(|rate| rate.per_replica.is_none()) {
        let field = at.key("requestRate").key("perReplica");
        document.refuse(
            &field,
            "is missing; write the requests per second that one replica bears",
        );
    }
    let of_limit = concurrency
        .limit
        .map(|limit| f64::from(limit.get()) * LIMIT_UTILISATION);
    let default = rate.is_none().then_some(DEFAULT_CONCURRENCY);
    Http {
        routes: routes(spec),
        service: None,
        readiness: crate::workload::Readiness::default(),
        dial: crate::workload::Dial::default(),
        tls: crate::workload::Tls::default(),
        protocol: match spec.protocol {
            // Standalone there is no Service whose appProtocol could say otherwise.
            None | Some(ProtocolSpec::Auto | ProtocolSpec::Http1) => Protocol::Http1,
            Some(ProtocolSpec::H2c) => Protocol::H2c,
        },
        concurrency_per_replica: per_replica.or(of_limit).or(default),
        concurrency_limit: concurrency.limit,
        request_rate_per_replica: rate
            .and_then(|rate| rate.per_replica)
            .map(resource::Positive::get),
        hold: hold(document, spec, &at.key("hold")),
        timeouts: timeouts(document, spec, &at.key("timeouts")),
        rules: Vec::new(),
        wake_requires: None,
        front: None,
        while_waking: WhileWaking::default(),
    }
}

fn hold(document: &mut Document, spec: &HttpSpec, at: &FieldPath) -> Hold {
    let default = Hold::default();
    let spec = spec.hold.clone().unwrap_or_default();
    let max_bytes = spec.max_bytes.map(|bytes| (bytes.whole(), bytes));
    if let Some((None, written)) = &max_bytes {
        document.refuse(
            &at.key("maxBytes"),
            format!("is {written}: whole bytes are wanted, e.g. 16Mi"),
        );
    }
    Hold {
        timeout: above_zero(document, &at.key("timeout"), spec.timeout, default.timeout),
        max_requests: spec
            .max_requests
            .map_or(default.max_requests, std::num::NonZeroU32::get),
        max_bytes: max_bytes
            .and_then(|(bytes, _)| bytes)
            .unwrap_or(default.max_bytes),
    }
}

fn timeouts(document: &mut Document, spec: &HttpSpec, at: &FieldPath) -> Timeouts {
    let default = Timeouts::default();
    let spec = spec.timeouts.clone().unwrap_or_default();
    let header = at.key("responseHeader");
    Timeouts {
        connect: above_zero(document, &at.key("connect"), spec.connect, default.connect),
        response_header: above_zero(
            document,
            &header,
            spec.response_header,
            default.response_header,
        ),
        idle: spec.idle.map_or(default.idle, resource::Duration::get),
    }
}

pub(super) fn above_zero(
    document: &mut Document,
    at: &FieldPath,
    given: Option<resource::Duration>,
    default: Duration,
) -> Duration {
    if given.is_some_and(|given| given.get().is_zero()) {
        document.refuse(
            at,
            format!("is 0s: it must be longer, e.g. {}s", default.as_secs()),
        );
    }
    given.map_or(default, resource::Duration::get)
}

/// Refuses a list that is too long.
pub(super) fn at_most(document: &mut Document, at: &FieldPath, length: usize, most: usize) {
    if length > most {
        document.refuse(at, format!("has {length} entries; {most} are the most"));
    }
}

/// The routes of a resource, with the short form written out.
pub(in crate::load) fn routes(spec: &HttpSpec) -> Vec<Route> {
    if !spec.hosts.is_empty() {
        return vec![Route {
            hosts: spec.hosts.iter().map(|host| host.0.clone()).collect(),
            path_prefixes: Vec::new(),
            headers: Vec::new(),
        }];
    }
    spec.routes.iter().map(route).collect()
}

/// A header to match, as routes and rules write it.
pub(super) fn header_match((name, value): (&HeaderName, &HeaderValue)) -> (String, HeaderMatch) {
    let wanted = match value.as_str() {
        "*" => HeaderMatch::Present,
        exact => HeaderMatch::Exact(exact.to_owned()),
    };
    (name.as_str().to_ascii_lowercase(), wanted)
}

fn route(spec: &RouteSpec) -> Route {
    Route {
        hosts: spec.hosts.iter().map(|host| host.0.clone()).collect(),
        path_prefixes: spec
            .path_prefixes
            .iter()
            .map(|path| path.0.clone())
            .collect(),
        headers: spec.headers.iter().map(header_match).collect(),
    }
}

/// One host and one path prefix of a route.
pub(in crate::load) struct Single<'a> {
    pub(in crate::load) host: &'a HostPattern,
    /// As [`PathPrefix::as_str`] has it.
    pub(in crate::load) path: &'a str,
    /// Where the host is written in the route's list; `None`: no host is.
    pub(in crate::load) host_index: Option<usize>,
    /// Where the path is written in the route's list; `None`: no path is.
    pub(in crate::load) path_index: Option<usize>,
}

/// Each host with each path prefix; nothing for a route that is refused for having too many.
pub(in crate::load) fn expanded(route: &Route) -> Vec<Single<'_>> {
    let mut hosts: Vec<_> = route
        .hosts
        .iter()
        .enumerate()
        .map(|(i, host)| (host, Some(i)))
        .collect();
    if hosts.is_empty() {
        hosts.push((&HostPattern::Any, None));
    }
    let prefixes = route
        .path_prefixes
        .iter()
        .map(PathPrefix::as_str)
        .enumerate();
    let mut paths: Vec<_> = prefixes.map(|(i, path)| (path, Some(i))).collect();
    if paths.is_empty() {
        paths.push(("", None));
    }
    if hosts.len().saturating_mul(paths.len()) > LARGEST_ROUTE {
        return Vec::new();
    }
    let single = |(host, host_index)| {
        paths.iter().map(move |&(path, path_index)| Single {
            host,
            path,
            host_index,
            path_index,
        })
    };
    hosts.into_iter().flat_map(single).collect()
}

fn check_routes(document: &mut Document, spec: &HttpSpec, at: &FieldPath) {
    let (hosts, routes) = (at.key("hosts"), at.key("routes"));
    if !spec.hosts.is_empty() && !spec.routes.is_empty() {
        let message = "stands together with hosts: write hosts into each route, or hosts alone";
        document.refuse(&routes, message);
    }
    if spec.hosts.is_empty() && spec.routes.is_empty() && spec.front.is_none() {
        let message = "are missing, and so are routes: no request would come here; write hosts: [\"*\"] for every request";
        document.refuse_between(&hosts, std::slice::from_ref(&routes), message);
    }
    at_most(document, &hosts, spec.hosts.len(), LARGEST_ROUTE);
    at_most(document, &routes, spec.routes.len(), MOST_ROUTES);
    for (i, route) in spec.routes.iter().enumerate() {
        let at = routes.index(i);
        let parts = route.hosts.len() + route.path_prefixes.len() + route.headers.len();
        if parts == 0 && !document.touched(&at) {
            document.refuse(&at, "has no parts: write hosts: [\"*\"] for every request");
        }
        let (hosts, paths) = (route.hosts.len().max(1), route.path_prefixes.len().max(1));
        if hosts.saturating_mul(paths) > LARGEST_ROUTE {
            let message =
                format!("has more than {LARGEST_ROUTE} pairs of host and path; divide it");
            document.refuse(&at, message);
        }
        same_twice(document, &route.headers, &at.key("headers"));
    }
}
