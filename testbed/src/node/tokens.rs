use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Pod, ServiceAccount, ServiceAccountTokenProjection};
use kube::api::{Api, PostParams};
use kube::{Client, ResourceExt};

/// kubelet's, when the projection says nothing.
const LIFETIME: i64 = 3600;
/// How long the API server may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// A token for the pod's service account, bound to the pod; and when to ask for the next: after 80% of its life.
///
/// # Errors
/// Why there is none.
pub(crate) async fn request(
    client: &Client,
    pod: &Pod,
    projection: &ServiceAccountTokenProjection,
) -> Result<(String, Duration), String> {
    let account = pod
        .spec
        .as_ref()
        .and_then(|spec| spec.service_account_name.clone());
    let account = account.unwrap_or_else(|| "default".to_owned());
    let body = TokenRequest {
        spec: Some(TokenRequestSpec {
            audiences: projection.audience.clone().map(|audience| vec![audience]),
            expiration_seconds: Some(projection.expiration_seconds.unwrap_or(LIFETIME)),
            bound_object_ref: Some(BoundObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Pod".to_owned()),
                name: Some(pod.name_any()),
                uid: pod.uid(),
            }),
            ..TokenRequestSpec::default()
        }),
        ..TokenRequest::default()
    };
    let namespace = pod.namespace().unwrap_or_default();
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), &namespace);
    let parameters = PostParams::default();
    let answer = accounts.create_subresource("token", &account, &parameters, &body);
    let answer: TokenRequest = tokio::time::timeout(DEADLINE, answer)
        .await
        .map_err(|_| format!("no token for service account {account:?} within {DEADLINE:?}"))?
        .map_err(|error| format!("token for service account {account:?}: {error}"))?;
    let status = answer.status.unwrap_or_default();
    let token = status
        .token
        .ok_or("the API server answered without a token")?;
    let life = status
        .expiration_timestamp
        .and_then(|time| Duration::try_from(time.0.duration_since(Timestamp::now())).ok())
        .unwrap_or_default();
    Ok((token, life * 4 / 5))
}
