//! Queries of a gateway's own request counter, which no longer sees a workload once Rouse stands between the two.

/// How counters of gateways' requests begin.
const COUNTERS: [&str; 16] = [
    "aws_applicationelb_request_count",
    "envoy_cluster_upstream_rq",
    "envoy_http_downstream_rq",
    "haproxy_backend_http",
    "haproxy_frontend_http",
    "haproxy_server_http",
    "istio_request",
    "istio_response",
    "kong_http_requests",
    "nginx_http_requests",
    "nginx_ingress_controller_request",
    "nginx_ingress_nginx_http_request",
    "nginxplus_",
    "traefik_entrypoint_request",
    "traefik_router_request",
    "traefik_service_request",
];

/// The first name in a query that is a gateway's counter of requests.
#[must_use]
pub fn counter(query: &str) -> Option<&str> {
    words(query).find(|word| COUNTERS.iter().any(|begin| word.starts_with(begin)))
}

/// What to say about a query of a gateway's counter; `None` for another query. `workload`: `namespace/name`.
#[must_use]
pub fn advice(query: &str, threshold: f64, workload: &str) -> Option<String> {
    let counter = counter(query)?;
    let mut text = format!(
        "{counter} is the gateway's own: once requests go through Rouse it no longer counts them for this workload. Then write"
    );
    match simple(query) {
        Some((window, counts)) => {
            let rate = match counts {
                Counts::Whole => threshold / window,
                Counts::PerSecond => threshold,
            };
            let rate = (rate * 1000.0).round() / 1000.0;
            let ours = ours(query, counter, workload);
            text.push_str(&format!(" http.requestRate.perReplica: {rate} instead of this trigger, or the query {ours}"));
        }
        None => text.push_str(&format!(
            " http.requestRate instead of this trigger, or a query of rouse_proxy_requests_total{{workload=\"{workload}\"}}"
        )),
    }
    text.push_str(" (deploy/README.md, From Knative or KEDA)");
    Some(text)
}

/// Names outside of strings and selectors.
fn words(query: &str) -> impl Iterator<Item = &str> {
    let mut quoted = None;
    let is_inner = move |c: char| {
        match quoted {
            Some(quote) if c == quote => quoted = None,
            Some(_) => {}
            None if matches!(c, '"' | '\'' | '`') => quoted = Some(c),
            None => return c.is_ascii_alphanumeric() || c == '_' || c == ':',
        }
        false
    };
    split(query, is_inner)
}

fn split(text: &str, mut inner: impl FnMut(char) -> bool) -> impl Iterator<Item = &str> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..)?;
        let mut begin = None;
        for (offset, c) in rest.char_indices() {
            match (inner(c), begin) {
                (true, None) => begin = Some(offset),
                (false, Some(begin)) => {
                    at += offset + c.len_utf8();
                    return rest.get(begin..offset);
                }
                _ => {}
            }
        }
        at = text.len() + 1;
        begin.and_then(|begin| rest.get(begin..))
    })
}

enum Counts {
    /// Requests of the whole window.
    Whole,
    PerSecond,
}

/// Of `sum(increase(COUNTER{...}[WINDOW]))` and `sum(rate(COUNTER{...}[WINDOW]))`: the window in seconds.
fn simple(query: &str) -> Option<(f64, Counts)> {
    let tight: String = query.split_whitespace().collect();
    let inside = tight.strip_prefix("sum(")?.strip_suffix(')')?;
    let (counts, inside) = [("increase(", true), ("rate(", false), ("irate(", false)]
        .iter()
        .find_map(|(function, whole)| {
            let inside = inside.strip_prefix(function)?.strip_suffix(")")?;
            let counts = match whole {
                true => Counts::Whole,
                false => Counts::PerSecond,
            };
            Some((counts, inside))
        })?;
    let (selected, window) = inside.strip_suffix(']')?.rsplit_once('[')?;
    let name = selected.split_once('{').map_or(selected, |(name, _)| name);
    let is_name = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
    let window = crate::scalar::go_duration(window)?.as_secs_f64();
    (is_name && window > 0.0).then_some((window, counts))
}

/// A simple query with Rouse's counter in it.
fn ours(query: &str, counter: &str, workload: &str) -> String {
    let tight: String = query.split_whitespace().collect();
    let begin = tight.find(counter).unwrap_or_default();
    let end = tight.rfind('[').unwrap_or(tight.len());
    let (before, after) = (
        tight.get(..begin).unwrap_or_default(),
        tight.get(end..).unwrap_or_default(),
    );
    format!("{before}rouse_proxy_requests_total{{workload=\"{workload}\"}}{after}")
}

#[cfg(test)]
mod tests {
    use super::{advice, counter};

    #[test]
    fn counters_of_gateways_are_known_by_their_names() {
        for (query, found) in [
            (
                r#"sum(increase(istio_requests_total{destination_app="hello-istio"}[2m]))"#,
                Some("istio_requests_total"),
            ),
            (
                r#"sum(rate(nginx_ingress_controller_requests{ingress="hello"}[1m]))"#,
                Some("nginx_ingress_controller_requests"),
            ),
            (
                "sum(rate(envoy_cluster_upstream_rq_total[1m])) / 2",
                Some("envoy_cluster_upstream_rq_total"),
            ),
            (
                r#"sum(rate(jobs_total{of="istio_requests_total"}[2m]))"#,
                None,
            ),
            ("sum(rate(my_istio_requests_total[2m]))", None),
            ("", None),
        ] {
            assert_eq!(counter(query), found, "{query}");
        }
    }

    #[test]
    fn simple_queries_get_numbers() {
        let query = r#"sum(increase(istio_requests_total{destination_app="hello-istio"}[2m]))"#;
        let text = advice(query, 12.0, "default/hello").unwrap();
        assert!(text.contains("http.requestRate.perReplica: 0.1 "), "{text}");
        let ours = r#"sum(increase(rouse_proxy_requests_total{workload="default/hello"}[2m]))"#;
        assert!(text.contains(ours), "{text}");
        let query = r#"sum(rate(istio_requests_total{app="a"}[1m]))"#;
        assert!(
            advice(query, 20.0, "a/b")
                .unwrap()
                .contains("perReplica: 20 ")
        );
        let query = "sum(rate(istio_requests_total[1m])) * 3";
        let text = advice(query, 20.0, "a/b").unwrap();
        assert!(text.contains("http.requestRate instead"), "{text}");
        assert_eq!(advice("up", 20.0, "a/b"), None);
    }
}
