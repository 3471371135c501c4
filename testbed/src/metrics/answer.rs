//! What `metrics.k8s.io` answers.

use std::collections::BTreeMap;
use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::select;
use super::usage::Usage;

/// The group's version.
pub(crate) const VERSION: &str = "metrics.k8s.io/v1beta1";
const ROOT: &str = "/apis/metrics.k8s.io/v1beta1";

/// A pod's usage.
#[derive(Debug, Clone)]
pub(crate) struct PodUsage {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) containers: Vec<(String, Usage)>,
}

/// All that is known at one time.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) node: String,
    pub(crate) pods: Vec<PodUsage>,
    pub(crate) at: Timestamp,
    pub(crate) window: Duration,
}

/// The answer to a GET of `path?query`.
pub(crate) fn answer(snapshot: &Snapshot, path: &str, query: &str) -> (StatusCode, Value) {
    let selector = super::query::value(query, "labelSelector").unwrap_or_default();
    let selector = match select::parse(&selector) {
        Ok(selector) => selector,
        Err(message) => return failure(StatusCode::BAD_REQUEST, "BadRequest", &message),
    };
    let pods = |namespace: Option<&str>| {
        let pods = snapshot.pods.iter();
        let pods = pods.filter(|pod| namespace.is_none_or(|namespace| pod.namespace == namespace));
        let pods = pods.filter(|pod| select::chooses(&selector, &pod.labels));
        let items: Vec<_> = pods.map(|pod| snapshot.pod(pod)).collect();
        list("PodMetricsList", items)
    };
    let Some(rest) = path.strip_prefix(ROOT) else {
        return match path {
            "/apis/metrics.k8s.io" => (StatusCode::OK, group()),
            _ => not_found(path),
        };
    };
    let parts: Vec<_> = rest.split('/').filter(|part| !part.is_empty()).collect();
    let found = match parts[..] {
        [] => resources(),
        ["nodes"] => list("NodeMetricsList", vec![snapshot.node()]),
        ["nodes", name] if name == snapshot.node => snapshot.node(),
        ["pods"] => pods(None),
        ["namespaces", namespace, "pods"] => pods(Some(namespace)),
        ["namespaces", namespace, "pods", name] => {
            let mut all = snapshot.pods.iter();
            match all.find(|pod| pod.namespace == namespace && pod.name == name) {
                Some(pod) => snapshot.pod(pod),
                None => return not_found(path),
            }
        }
        _ => return not_found(path),
    };
    (StatusCode::OK, found)
}

impl Snapshot {
    fn pod(&self, pod: &PodUsage) -> Value {
        let containers = pod.containers.iter();
        let containers: Vec<_> = containers
            .map(|(name, usage)| json!({"name": name, "usage": quantities(*usage)}))
            .collect();
        json!({
            "apiVersion": VERSION, "kind": "PodMetrics",
            "metadata": {"name": pod.name, "namespace": pod.namespace, "labels": pod.labels, "creationTimestamp": self.time()},
            "timestamp": self.time(), "window": self.window(), "containers": containers,
        })
    }

    /// The node's is the sum of its pods'.
    fn node(&self) -> Value {
        let all = self.pods.iter().flat_map(|pod| &pod.containers);
        let sum = all.fold((0, 0), |(cpu, memory): (u64, u64), (_, usage)| {
            (
                cpu.saturating_add(usage.nanocores),
                memory.saturating_add(usage.bytes),
            )
        });
        let usage = Usage {
            nanocores: sum.0,
            bytes: sum.1,
        };
        json!({
            "apiVersion": VERSION, "kind": "NodeMetrics",
            "metadata": {"name": self.node, "creationTimestamp": self.time()},
            "timestamp": self.time(), "window": self.window(), "usage": quantities(usage),
        })
    }

    fn time(&self) -> String {
        self.at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// As Go writes durations.
    fn window(&self) -> String {
        format!("{}ms", self.window.as_millis())
    }
}

fn quantities(usage: Usage) -> Value {
    json!({"cpu": format!("{}n", usage.nanocores), "memory": format!("{}Ki", usage.bytes / 1024)})
}

fn list(kind: &str, items: Vec<Value>) -> Value {
    json!({"apiVersion": VERSION, "kind": kind, "metadata": {}, "items": items})
}

fn group() -> Value {
    let version = json!({"groupVersion": VERSION, "version": "v1beta1"});
    json!({
        "apiVersion": "v1", "kind": "APIGroup", "name": "metrics.k8s.io",
        "versions": [version], "preferredVersion": version,
    })
}

fn resources() -> Value {
    let resource = |name: &str, kind: &str, namespaced: bool| json!({"name": name, "singularName": "", "kind": kind, "namespaced": namespaced, "verbs": ["get", "list"]});
    json!({
        "apiVersion": "v1", "kind": "APIResourceList", "groupVersion": VERSION,
        "resources": [resource("nodes", "NodeMetrics", false), resource("pods", "PodMetrics", true)],
    })
}

fn not_found(path: &str) -> (StatusCode, Value) {
    failure(
        StatusCode::NOT_FOUND,
        "NotFound",
        &format!("{path} is not there"),
    )
}

fn failure(code: StatusCode, reason: &str, message: &str) -> (StatusCode, Value) {
    let status = json!({
        "apiVersion": "v1", "kind": "Status", "status": "Failure",
        "code": code.as_u16(), "reason": reason, "message": message,
    });
    (code, status)
}
