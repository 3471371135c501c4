//! What an Istio ingress gateway's Envoy is told for a Gateway and a VirtualService, as far as `deploy/examples/istio` goes: hosts, a
//! path prefix, request headers that are set, one destination. Timeouts and retries are istiod's defaults.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::error::{Error, Result};

/// A bootstrap with one listener. `endpoints` gives the addresses of a destination, as istiod's endpoint discovery does.
///
/// # Errors
/// When there is something in it that is not translated: nothing is passed over.
pub(crate) fn envoy(
    listen: SocketAddr,
    service: &Value,
    endpoints: &[SocketAddr],
) -> Result<Value> {
    let spec = &service["spec"];
    only(spec, "spec", &["hosts", "gateways", "http"])?;
    let mut routes = Vec::new();
    for http in list(&spec["http"]) {
        only(http, "http", &["match", "headers", "route"])?;
        let [route] = list(&http["route"]) else {
            return Err(Error::Route(
                "http.route has not one destination".to_owned(),
            ));
        };
        only(route, "route", &["destination"])?;
        let matches = list(&http["match"]);
        let prefixes: Vec<&str> = if matches.is_empty() {
            vec!["/"]
        } else {
            matches
                .iter()
                .map(|one| {
                    only(one, "match", &["uri"])?;
                    only(&one["uri"], "match.uri", &["prefix"])?;
                    let prefix = one["uri"]["prefix"].as_str();
                    prefix.ok_or_else(|| Error::Route("match.uri has no prefix".to_owned()))
                })
                .collect::<Result<_>>()?
        };
        for prefix in prefixes {
            routes.push(json!({
                "match": {"prefix": prefix},
                "request_headers_to_add": headers(&http["headers"])?,
                "route": {
                    "cluster": "destination",
                    "timeout": "0s",
                    "retry_policy": {
                        "retry_on": "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes",
                        "num_retries": 2,
                        "retry_host_predicate": [{
                            "name": "envoy.retry_host_predicates.previous_hosts",
                            "typed_config": {"@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"},
                        }],
                        "host_selection_retry_max_attempts": 5,
                    },
                },
            }));
        }
    }
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "gateway",
        "use_remote_address": true,
        "stream_idle_timeout": "0s",
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "route_config": {"name": "gateway", "virtual_hosts": [{
            "name": "service", "domains": spec["hosts"], "routes": routes,
        }]},
        "http_filters": [{
            "name": "envoy.filters.http.router",
            "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
        }],
    });
    let endpoints: Vec<_> = endpoints
        .iter()
        .map(|endpoint| json!({"endpoint": {"address": address(*endpoint)}}))
        .collect();
    let limits = json!({
        "max_connections": u32::MAX, "max_pending_requests": u32::MAX, "max_requests": u32::MAX, "max_retries": u32::MAX,
    });
    Ok(json!({"static_resources": {
        "listeners": [{
            "name": "http",
            "address": address(listen),
            "filter_chains": [{"filters": [{
                "name": "envoy.filters.network.http_connection_manager", "typed_config": manager,
            }]}],
        }],
        "clusters": [{
            "name": "destination",
            // Istio's defaults: 10 s, and no circuit breaker.
            "connect_timeout": "10s",
            "lb_policy": "LEAST_REQUEST",
            "circuit_breakers": {"thresholds": [limits]},
            "load_assignment": {"cluster_name": "destination", "endpoints": [{"lb_endpoints": endpoints}]},
        }],
    }}))
}

fn headers(headers: &Value) -> Result<Vec<Value>> {
    if headers.is_null() {
        return Ok(Vec::new());
    }
    only(headers, "headers", &["request"])?;
    only(&headers["request"], "headers.request", &["set"])?;
    let set = headers["request"]["set"].as_object();
    let add = |(name, value): (&String, &Value)| {
        json!({
            "header": {"key": name, "value": value},
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        })
    };
    Ok(set.into_iter().flatten().map(add).collect())
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn only(value: &Value, at: &str, known: &[&str]) -> Result<()> {
    let mut names = value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name);
    match names.find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(Error::Route(format!("{at}.{name} is not known here"))),
        None => Ok(()),
    }
}

fn address(address: SocketAddr) -> Value {
    json!({"socket_address": {"address": address.ip().to_string(), "port_value": address.port()}})
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;

    fn example(name: &str) -> Value {
        let path = crate::bed::deploy().join("examples/istio").join(name);
        let text = std::fs::read_to_string(path).unwrap();
        rouse_testbed::apply::documents(&text).unwrap().remove(0)
    }

    fn translated(service: &Value) -> Result<Value> {
        let endpoint = "10.244.0.7:8080".parse().unwrap();
        envoy("127.0.0.1:15000".parse().unwrap(), service, &[endpoint])
    }

    fn virtual_host(config: &Value) -> &Value {
        let listener = &config["static_resources"]["listeners"][0];
        let manager = &listener["filter_chains"][0]["filters"][0]["typed_config"];
        &manager["route_config"]["virtual_hosts"][0]
    }

    #[test]
    fn by_host_and_by_header() {
        let config = translated(&example("by-host.yaml")).unwrap();
        let host = virtual_host(&config);
        assert_eq!(host["domains"], json!(["hello.example.com"]));
        assert_eq!(host["routes"][0]["match"], json!({"prefix": "/"}));
        assert_eq!(host["routes"][0]["request_headers_to_add"], json!([]));
        let config = translated(&example("by-header.yaml")).unwrap();
        let route = &virtual_host(&config)["routes"][0];
        assert_eq!(route["match"], json!({"prefix": "/v1"}));
        let header = &route["request_headers_to_add"][0];
        assert_eq!(
            header["header"],
            json!({"key": "rouse-workload", "value": "default/hello"})
        );
        assert_eq!(header["append_action"], "OVERWRITE_IF_EXISTS_OR_ADD");
    }

    #[test]
    fn nothing_is_passed_over() {
        let mut service = example("by-host.yaml");
        service["spec"]["http"][0]["mirror"] = json!({"host": "other"});
        let error = translated(&service).expect_err("a mirror");
        assert!(error.to_string().contains("http.mirror"), "{error}");
    }
}
