use std::sync::Arc;

use http::HeaderMap;
use proptest::prelude::*;
use rouse_api::link::RoutedWorkload;
use rouse_api::workload::{HeaderMatch, Hold, Http, Protocol, Route, Timeouts, WorkloadId};

use super::*;

fn route(hosts: &[&str], paths: &[&str], headers: &[(&str, &str)]) -> Route {
    let header = |(name, value): &(&str, &str)| {
        let wanted = if *value == "*" {
            HeaderMatch::Present
        } else {
            HeaderMatch::Exact((*value).to_owned())
        };
        ((*name).to_owned(), wanted)
    };
    Route {
        hosts: hosts
            .iter()
            .map(|host| HostPattern::parse(host).unwrap())
            .collect(),
        path_prefixes: paths
            .iter()
            .map(|path| PathPrefix::parse(path).unwrap())
            .collect(),
        headers: headers.iter().map(header).collect(),
    }
}

fn table(routes: Vec<Route>) -> RouteTable {
    let workload = |(at, route): (usize, Route)| RoutedWorkload {
        rank: 0,
        id: WorkloadId::new("default", &format!("w{at}")),
        http: Arc::new(Http {
            routes: vec![route],
            service: None,
            readiness: rouse_api::workload::Readiness::default(),
            dial: rouse_api::workload::Dial::default(),
            tls: rouse_api::workload::Tls::default(),
            protocol: Protocol::Http1,
            concurrency_per_replica: None,
            concurrency_limit: None,
            request_rate_per_replica: None,
            hold: Hold::default(),
            timeouts: Timeouts::default(),
            rules: Vec::new(),
            wake_requires: None,
            front: None,
            while_waking: rouse_api::workload::WhileWaking::default(),
        }),
    };
    RouteTable::new(&Routes {
        version: 1,
        workloads: routes.into_iter().enumerate().map(workload).collect(),
    })
}

fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    fields
        .iter()
        .map(|(name, value)| {
            (
                name.parse::<http::HeaderName>().unwrap(),
                value.parse().unwrap(),
            )
        })
        .collect()
}

#[test]
fn the_most_specific_host_wins() {
    let table = table(vec![
        route(&["*"], &[], &[]),
        route(&["*.example.com"], &[], &[]),
        route(&["*.eu.example.com"], &[], &[]),
        route(&["a.eu.example.com"], &[], &[]),
    ]);
    let find = |host| table.find(host, "/", &HeaderMap::new());
    assert_eq!(find("a.eu.example.com"), Some(3));
    assert_eq!(find("b.eu.example.com"), Some(2));
    assert_eq!(find("c.b.eu.example.com"), Some(2));
    assert_eq!(find("x.example.com"), Some(1));
    assert_eq!(find("example.com"), Some(0), "a wildcard wants a label");
    assert_eq!(find(".eu.example.com"), Some(1), "nor an empty one");
    assert_eq!(find(""), Some(0));
    assert_eq!(find(&"a.".repeat(30_000)), Some(0));
}

#[test]
fn case_port_and_trailing_dot_do_not_matter() {
    let table = table(vec![route(&["API.example.com", "[::1]"], &[], &[])]);
    for host in [
        "api.example.com",
        "Api.Example.COM:8080",
        "api.example.com.",
        "[::1]",
        "[::1]:80",
    ] {
        assert_eq!(table.find(host, "/", &HeaderMap::new()), Some(0), "{host}");
    }
    assert_eq!(table.find("other", "/", &HeaderMap::new()), None);
}

#[test]
fn the_longest_prefix_on_segment_borders_wins() {
    let table = table(vec![
        route(&["*"], &["/v1"], &[]),
        route(&["*"], &["/v1/users/"], &[]),
        route(&["*"], &["/"], &[]),
    ]);
    for (path, wanted) in [
        ("/v1", 0),
        ("/v1/", 0),
        ("/v1/users", 1),
        ("/v1/users/7", 1),
        ("/v1/usersx", 0),
        ("/v10", 2),
        ("/", 2),
        ("*", 2),
    ] {
        assert_eq!(
            table.find("h", path, &HeaderMap::new()),
            Some(wanted),
            "{path}"
        );
    }
}

#[test]
fn headers_decide_and_a_miss_falls_back() {
    let table = table(vec![
        route(&["*"], &[], &[]),
        route(&["a.b"], &["/v1"], &[("x-tenant", "blue")]),
        route(&["a.b"], &["/v1"], &[("x-tenant", "blue"), ("x-beta", "*")]),
        route(&["*.b"], &["/v1"], &[]),
    ]);
    let find = |fields| table.find("a.b", "/v1/x", &headers(fields));
    assert_eq!(find(&[("x-tenant", "blue")]), Some(1));
    assert_eq!(
        find(&[("x-tenant", "blue"), ("x-beta", "anything")]),
        Some(2)
    );
    assert_eq!(find(&[("x-tenant", "red")]), Some(3), "the next host level");
    assert_eq!(table.find("z", "/v1/x", &HeaderMap::new()), Some(0));
}

#[test]
fn a_value_goes_before_mere_presence() {
    let table = table(vec![
        route(&["a"], &[], &[("x-tenant", "*")]),
        route(&["a"], &[], &[("x-tenant", "blue")]),
    ]);
    let find = |fields| table.find("a", "/", &headers(fields));
    assert_eq!(find(&[("x-tenant", "blue")]), Some(1));
    assert_eq!(find(&[("x-tenant", "red")]), Some(0));
}

#[test]
fn of_two_equal_routes_the_earlier_workload_keeps_it() {
    let table = table(vec![route(&["a"], &[], &[]), route(&["a"], &["/"], &[])]);
    assert_eq!(table.find("a", "/", &HeaderMap::new()), Some(0));
}

/// The rules once more, one candidate at a time.
fn naive(routes: &[Route], host: &str, path: &str) -> Option<usize> {
    let host_rank = |pattern: &HostPattern| match pattern {
        HostPattern::Exact(name) => (name == host).then_some(1000),
        HostPattern::Wildcard(suffix) => host
            .ends_with(&format!(".{suffix}"))
            .then_some(suffix.len()),
        HostPattern::Any => Some(0),
    };
    let path_fits = |prefix: &str| path == prefix || path.starts_with(&format!("{prefix}/"));
    let mut best: Option<(usize, usize, std::cmp::Reverse<usize>)> = None;
    for (at, route) in routes.iter().enumerate() {
        for rank in route.hosts.iter().filter_map(host_rank) {
            for prefix in route
                .path_prefixes
                .iter()
                .map(PathPrefix::as_str)
                .filter(|prefix| path_fits(prefix))
            {
                best = best.max(Some((rank, prefix.len(), std::cmp::Reverse(at))));
            }
        }
    }
    best.map(|(.., at)| at.0)
}

proptest! {
    #[test]
    fn agrees_with_the_naive_matcher(
        routes in prop::collection::vec(("(\\*|\\*\\.b|\\*\\.a\\.b|a|a\\.b|c\\.a\\.b)", "(/a|/b|/ab){0,3}"), 0..20),
        host in "(a|a\\.b|c\\.a\\.b|d\\.c\\.a\\.b|x)",
        path in "(/a|/b|/ab){1,4}/?",
    ) {
        let routes: Vec<_> = routes.iter().map(|(host, path)| {
            let path = if path.is_empty() { "/" } else { path };
            route(&[host], &[path], &[])
        }).collect();
        let wanted = naive(&routes, &host, &path);
        prop_assert_eq!(table(routes).find(&host, &path, &HeaderMap::new()), wanted);
    }
}
