//! Which request goes to which workload.

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::space::{App, Space};
use crate::support::{With, get};
use crate::{Cases, cases};

pub(crate) const CASES: Cases = cases![
    hosts_exact_ones_before_wildcards,
    paths_the_longest_first_by_whole_segments,
    headers_by_value_by_presence_and_without,
    several_routes_to_one_workload,
    what_nobody_claims_wakes_nobody,
];

/// A sleeping sample with these routes.
async fn routed(space: &Space<'_>, name: &str, routes: Value) {
    space.deploy(&App::new(name)).await;
    space
        .apply(json!({
            "apiVersion": "rouse.dev/v1alpha1", "kind": "ScaledWorkload", "metadata": {"name": name},
            "spec": {"http": {"routes": routes}},
        }))
        .await;
    space.routed(name).await;
}

/// The name of the sample that answers; the status when it is not 200.
async fn who(
    space: &Space<'_>,
    host: &str,
    path: &str,
    headers: &[(&'static str, &str)],
) -> String {
    let mut request = get(host, path);
    for (name, value) in headers {
        request = request.with(name, value);
    }
    let answer = space.send(0, request).await;
    if answer.status != 200 {
        return answer.status.to_string();
    }
    let text = answer.text().strip_prefix("Hello from ").unwrap();
    text.split(' ').next().unwrap().to_owned()
}

async fn hosts_exact_ones_before_wildcards(cluster: &Cluster) {
    let space = Space::new(cluster, "route-hosts").await;
    let hosts = |host: &str| json!([{"hosts": [host]}]);
    routed(&space, "wild", hosts("*.route-hosts.test")).await;
    routed(&space, "deep", hosts("*.eu.route-hosts.test")).await;
    routed(&space, "exact", hosts("a.eu.route-hosts.test")).await;
    for (host, wanted) in [
        ("a.eu.route-hosts.test", "exact"),
        ("A.EU.Route-Hosts.test:8080", "exact"),
        ("b.eu.route-hosts.test", "deep"),
        ("c.b.eu.route-hosts.test", "deep"),
        ("us.route-hosts.test", "wild"),
        ("route-hosts.test", "404"),
    ] {
        assert_eq!(who(&space, host, "/", &[]).await, wanted, "{host}");
    }
    space.end().await;
}

async fn paths_the_longest_first_by_whole_segments(cluster: &Cluster) {
    let space = Space::new(cluster, "route-paths").await;
    let host = "route-paths.test";
    for (name, path) in [("root", "/"), ("api", "/api"), ("users", "/api/users")] {
        routed(
            &space,
            name,
            json!([{"hosts": [host], "pathPrefixes": [path]}]),
        )
        .await;
    }
    for (path, wanted) in [
        ("/", "root"),
        ("/api", "api"),
        ("/api?page=2", "api"),
        ("/api/orders", "api"),
        ("/apis", "root"),
        ("/api/users/7", "users"),
        ("/api/usersx", "api"),
    ] {
        assert_eq!(who(&space, host, path, &[]).await, wanted, "{path}");
    }
    space.end().await;
}

async fn headers_by_value_by_presence_and_without(cluster: &Cluster) {
    let space = Space::new(cluster, "route-headers").await;
    let host = "route-headers.test";
    let route = |headers: Value| json!([{"hosts": [host], "headers": headers}]);
    routed(&space, "blue", route(json!({"x-tenant": "blue"}))).await;
    routed(&space, "any", route(json!({"x-tenant": "*"}))).await;
    routed(&space, "plain", route(json!({}))).await;
    // A longer path that asks for a header: who lacks it falls back to the shorter one.
    let deep = json!([{"hosts": [host], "pathPrefixes": ["/deep"], "headers": {"x-beta": "1"}}]);
    routed(&space, "deep", deep).await;
    for (path, headers, wanted) in [
        ("/", &[("x-tenant", "blue")][..], "blue"),
        ("/", &[("x-tenant", "green")], "any"),
        ("/", &[], "plain"),
        ("/deep", &[("x-beta", "1")], "deep"),
        ("/deep", &[("x-beta", "2")], "plain"),
    ] {
        let found = who(&space, host, path, headers).await;
        assert_eq!(found, wanted, "{path} {headers:?}");
    }
    space.end().await;
}

async fn several_routes_to_one_workload(cluster: &Cluster) {
    let space = Space::new(cluster, "route-several").await;
    let routes = json!([
        {"hosts": ["a.route-several.test", "b.route-several.test"]},
        {"hosts": ["c.route-several.test"], "pathPrefixes": ["/v1", "/v2"]},
    ]);
    routed(&space, "hello", routes).await;
    for (host, path, wanted) in [
        ("a.route-several.test", "/x", "hello"),
        ("b.route-several.test", "/", "hello"),
        ("c.route-several.test", "/v1", "hello"),
        ("c.route-several.test", "/v2/x", "hello"),
        ("c.route-several.test", "/v3", "404"),
    ] {
        assert_eq!(who(&space, host, path, &[]).await, wanted, "{host}{path}");
    }
    space.end().await;
}

async fn what_nobody_claims_wakes_nobody(cluster: &Cluster) {
    let space = Space::new(cluster, "route-none").await;
    let route = json!([{"hosts": ["route-none.test"], "pathPrefixes": ["/here"]}]);
    routed(&space, "hello", route).await;
    for proxy in 0..2 {
        let elsewhere = space.send(proxy, get("route-none.test", "/there")).await;
        assert_eq!(elsewhere.status, 404, "{elsewhere:?}");
    }
    crate::cluster::a_while().await;
    assert_eq!(space.replicas("hello").await, 0);
    space.end().await;
}
