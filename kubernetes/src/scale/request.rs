use http::{Method, Request, header};
use kube::client::Body;
use rouse_scaler::platform::Count;
use serde_json::{Value, json};

use crate::index::target::{FIELD_MANAGER, KEEPER};

type Built = Result<Request<Body>, http::Error>;

/// Of a scale subresource.
pub(super) fn path(namespace: &str, api_version: &str, plural: &str, name: &str) -> String {
    let root = if api_version.contains('/') {
        "apis"
    } else {
        "api"
    };
    format!("/{root}/{api_version}/namespaces/{namespace}/{plural}/{name}/scale")
}

/// The object whose scale subresource this is.
pub(super) fn object(path: &str) -> Built {
    get(path.strip_suffix("/scale").unwrap_or(path))
}

pub(super) fn get(path: &str) -> Built {
    Request::builder()
        .method(Method::GET)
        .uri(path)
        .body(Body::empty())
}

/// Only if the count is still `from`. A Scale of no replicas is served without the field: `null` stands for that in a test, and
/// `replace` would find nothing to replace.
pub(super) fn patch(path: &str, from: u32, to: u32) -> Built {
    let from = if from == 0 { Value::Null } else { json!(from) };
    let body = json!([
        {"op": "test", "path": "/spec/replicas", "value": from},
        {"op": "add", "path": "/spec/replicas", "value": to},
    ]);
    let uri = format!("{path}?fieldManager={FIELD_MANAGER}");
    send(&uri, "application/json-patch+json", &body)
}

/// To no replicas, if the object is still of this version. Applied, for only that leaves Rouse's name on a zero: of every other way
/// the field's absence is all that is left.
pub(super) fn sleep(path: &str, name: &str, namespace: &str, count: Count) -> Built {
    zero(path, name, namespace, count, FIELD_MANAGER)
}

/// Leaves a note that a zero is to stay.
pub(super) fn keep(path: &str, name: &str, namespace: &str, count: Count) -> Built {
    zero(path, name, namespace, count, KEEPER)
}

fn zero(path: &str, name: &str, namespace: &str, count: Count, manager: &str) -> Built {
    let body = json!({
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "resourceVersion": count.version.to_string(),
        },
        "spec": {"replicas": 0},
    });
    let uri = format!("{path}?fieldManager={manager}&force=true");
    send(&uri, "application/apply-patch+yaml", &body)
}

fn send(uri: &str, content: &str, body: &Value) -> Built {
    Request::builder()
        .method(Method::PATCH)
        .uri(uri)
        .header(header::CONTENT_TYPE, content)
        .body(Body::from(body.to_string().into_bytes()))
}
