//! Which pods go first: `controller.kubernetes.io/pod-deletion-cost`, written just before a count is lowered.
//!
//! A ReplicaSet takes those of its pods first that cost less, so that the ones that were drained go and long requests on the others go on.
//! That takes a right to patch pods, which is granted apart from the others: where it is missing that is said once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, StatusCode, header};
use kube::Client;
use kube::client::Body;
use parking_lot::Mutex;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The annotation. <https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#pod-deletion-cost>
pub(crate) const ANNOTATION: &str = "controller.kubernetes.io/pod-deletion-cost";

/// Of a pod that is to go: lower than what people write. Unset is 0.
pub(crate) const GOES: &str = "-1000000";

/// For all pods of one scale. It comes before the PATCH, which has a deadline of its own that the Lease depends on.
const DEADLINE: Duration = Duration::from_millis(500);

/// More are not marked for one scale; the others go by Kubernetes' own choice.
const MOST: usize = 64;

/// A pod whose cost is to be another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PodCost {
    /// `metadata.name`.
    pub(crate) name: String,
    /// `metadata.uid`: of one name another pod may come.
    pub(crate) uid: Arc<str>,
    /// It is to go; else what was written when it was to go before is taken away.
    pub(crate) goes: bool,
}

/// Writes costs.
pub(super) struct Costs {
    client: Client,
    /// Namespaces where the right is missing; no more than there are.
    refused: Mutex<BTreeSet<String>>,
}

impl Costs {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            refused: Mutex::default(),
        }
    }

    /// As well as it goes: a count is not kept up by it.
    pub(super) async fn write(&self, namespace: &str, pods: Vec<PodCost>) {
        if pods.is_empty() || self.refused.lock().contains(namespace) {
            return;
        }
        let mut tasks = JoinSet::new();
        for pod in pods.into_iter().take(MOST) {
            tasks.spawn(patch(self.client.clone(), namespace.to_owned(), pod));
        }
        // What is not written by then is given up with the set.
        let all = async {
            while let Some(written) = tasks.join_next().await {
                if let Ok(Some(StatusCode::FORBIDDEN)) = written
                    && self.refused.lock().insert(namespace.to_owned())
                {
                    tracing::info!(
                        namespace,
                        "no right to patch pods: which go first is left to Kubernetes. pod-deletion-cost.yaml, or scaler.podDeletionCost of the chart, grants it; start the scaler anew then"
                    );
                }
            }
        };
        if timeout(DEADLINE, all).await.is_err() {
            tracing::debug!(
                namespace,
                "not every pod's deletion cost was written in time"
            );
        }
    }
}

/// The answer's status; `None`: there was none.
async fn patch(client: Client, namespace: String, pod: PodCost) -> Option<StatusCode> {
    let cost = pod.goes.then_some(GOES);
    let body = json!({"metadata": {"uid": &*pod.uid, "annotations": {ANNOTATION: cost}}});
    let request = Request::builder()
        .method(Method::PATCH)
        .uri(format!(
            "/api/v1/namespaces/{namespace}/pods/{}?fieldManager={}",
            pod.name,
            crate::index::target::FIELD_MANAGER
        ))
        .header(header::CONTENT_TYPE, "application/merge-patch+json")
        .body(Body::from(body.to_string().into_bytes()))
        .ok()?;
    let answer = client.send(request).await.ok()?;
    Some(answer.status())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Server, answer};

    fn pod(name: &str, goes: bool) -> PodCost {
        PodCost {
            name: name.to_owned(),
            uid: format!("p-{name}").into(),
            goes,
        }
    }

    async fn server(status: u16) -> Server {
        Server::new(move |_| async move { answer(status, &json!({"code": status})) }).await
    }

    #[tokio::test]
    async fn it_is_written_and_taken_away_and_only_of_that_very_pod() {
        let server = server(200).await;
        let costs = Costs::new(server.client.clone());
        costs
            .write("shop", vec![pod("a", true), pod("b", false)])
            .await;
        let mut asked = server.asked();
        asked.sort_by(|one, other| one.path.cmp(&other.path));
        assert_eq!(asked.len(), 2);
        let path = "/api/v1/namespaces/shop/pods/a?fieldManager=rouse-scaler";
        assert_eq!((&*asked[0].method, &*asked[0].path), ("PATCH", path));
        assert_eq!(asked[0].content, "application/merge-patch+json");
        let bodies = asked
            .iter()
            .map(|one| serde_json::from_str(&one.body).unwrap());
        let bodies: Vec<serde_json::Value> = bodies.collect();
        assert_eq!(
            bodies[0],
            json!({"metadata": {"uid": "p-a", "annotations": {ANNOTATION: "-1000000"}}})
        );
        assert_eq!(
            bodies[1],
            json!({"metadata": {"uid": "p-b", "annotations": {ANNOTATION: null}}})
        );
    }

    #[tokio::test]
    async fn a_missing_right_is_noticed_once_for_each_namespace() {
        let server = server(403).await;
        let costs = Costs::new(server.client.clone());
        for _ in 0..3 {
            costs.write("shop", vec![pod("a", true)]).await;
        }
        costs.write("other", vec![pod("a", true)]).await;
        assert_eq!(server.asked().len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_api_server_that_does_not_answer_keeps_up_no_count() {
        let server = Server::new(|_| std::future::pending()).await;
        let costs = Costs::new(server.client.clone());
        costs.write("shop", vec![pod("a", true)]).await;
    }
}
