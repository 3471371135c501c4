use std::time::Duration;

use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::autoscaling::v1::Scale;
use kube::Client;
use kube::client::Body;
use rouse_scaler::platform::Count;
use serde_json::Value;

use crate::index::target::{Target, version};

/// The largest answer read, in bytes; a Scale is less than a thousandth of it, and etcd takes objects of 1.5 MiB.
const LARGEST: usize = 2 << 20;

/// What the API server says.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The count that stands.
    Count(Count),
    /// It is not as the request presumes.
    Conflict(String),
    /// Perhaps later.
    Later {
        /// As the API server asks.
        after: Option<Duration>,
        /// For people.
        why: String,
    },
    /// Never; for people.
    Refused(String),
}

/// The answer to a request for a Scale.
pub(super) async fn read(client: &Client, request: Request<Body>) -> Answer {
    read_as(client, request, count).await
}

/// The answer to a request for an object of a kind of `apps/v1`, and the object.
pub(super) async fn read_object(
    client: &Client,
    request: Request<Body>,
    kind: &str,
) -> (Answer, Option<Target>) {
    let mut seen = None;
    let answer = read_as(client, request, |body| match target(kind, body) {
        Some(target) => Answer::Count(seen.insert(target).count),
        None => Answer::Refused(format!("the answer is not a {kind}")),
    });
    (answer.await, seen)
}

async fn read_as(
    client: &Client,
    request: Request<Body>,
    parse: impl FnOnce(&[u8]) -> Answer,
) -> Answer {
    let later = |why: String| Answer::Later { after: None, why };
    let answer = match client.send(request).await {
        Ok(answer) => answer,
        Err(error) => return later(format!("the API server can't be reached: {error}")),
    };
    let (status, after) = (answer.status(), retry_after(&answer));
    let body = match Limited::new(answer.into_body(), LARGEST).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return later(format!("the API server's answer broke off: {error}")),
    };
    if status.is_success() {
        return parse(&body);
    }
    let why = format!("{}: {}", status.as_u16(), message(&body));
    match status {
        StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY => Answer::Conflict(why),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::UNAUTHORIZED => Answer::Later { after, why },
        status if status.is_server_error() => Answer::Later { after, why },
        _ => Answer::Refused(why),
    }
}

fn target(kind: &str, body: &[u8]) -> Option<Target> {
    match kind {
        "Deployment" => Target::deployment(serde_json::from_slice::<Deployment>(body).ok()?),
        "StatefulSet" => Target::stateful_set(serde_json::from_slice::<StatefulSet>(body).ok()?),
        "ReplicaSet" => Target::replica_set(serde_json::from_slice::<ReplicaSet>(body).ok()?),
        _ => None,
    }
}

fn count(body: &[u8]) -> Answer {
    match serde_json::from_slice::<Scale>(body) {
        Ok(scale) => {
            let replicas = scale.spec.and_then(|spec| spec.replicas).unwrap_or(0);
            Answer::Count(Count {
                version: version(scale.metadata.resource_version.as_deref()),
                replicas: u32::try_from(replicas).unwrap_or(0),
            })
        }
        Err(error) => Answer::Refused(format!("the answer is not a Scale: {error}")),
    }
}

fn retry_after<B>(answer: &Response<B>) -> Option<Duration> {
    let text = answer.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

/// A Status' message, or else the text: throttling is told without a Status.
fn message(body: &[u8]) -> String {
    let status: Option<Value> = serde_json::from_slice(body).ok();
    let message = status
        .as_ref()
        .and_then(|status| status.get("message")?.as_str());
    let text = message.map_or_else(|| String::from_utf8_lossy(body), Into::into);
    text.trim().chars().take(300).collect()
}
