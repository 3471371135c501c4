//! What the manifests allow, and what they don't.

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, PostParams};

use crate::cluster::{Cluster, NAMESPACE};
use crate::{Cases, cases};

pub(crate) const CASES: Cases = cases![
    the_scaler_has_no_more_than_it_needs,
    of_secrets_the_scaler_has_two,
    the_proxy_has_nothing,
];

async fn may(cluster: &Cluster, account: &str, verb: &str, group: &str, resource: &str) -> bool {
    let user = format!("system:serviceaccount:{NAMESPACE}:{account}");
    may_in(cluster, &user, "default", verb, group, resource).await
}

/// Whether somebody may do it in a namespace (empty: in all).
pub(crate) async fn may_in(
    cluster: &Cluster,
    user: &str,
    namespace: &str,
    verb: &str,
    group: &str,
    resource: &str,
) -> bool {
    may_named(cluster, user, namespace, verb, group, (resource, "")).await
}

/// The same, of an object of this name; empty: of any.
async fn may_named(
    cluster: &Cluster,
    user: &str,
    namespace: &str,
    verb: &str,
    group: &str,
    (resource, name): (&str, &str),
) -> bool {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let review = SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: Some(user.to_owned()),
            resource_attributes: Some(ResourceAttributes {
                verb: Some(verb.to_owned()),
                group: Some(group.to_owned()),
                resource: Some(resource.to_owned()),
                subresource: Some(subresource.to_owned()),
                namespace: Some(namespace.to_owned()),
                name: Some(name.to_owned()),
                ..ResourceAttributes::default()
            }),
            ..SubjectAccessReviewSpec::default()
        },
        ..SubjectAccessReview::default()
    };
    let reviews: Api<SubjectAccessReview> = Api::all(cluster.client.clone());
    let answer = reviews
        .create(&PostParams::default(), &review)
        .await
        .unwrap();
    answer.status.unwrap().allowed
}

async fn the_scaler_has_no_more_than_it_needs(cluster: &Cluster) {
    for (verb, group, resource) in [
        ("watch", "", "pods"),
        ("patch", "apps", "deployments/scale"),
        ("patch", "rouse.dev", "scaledworkloads/status"),
        ("create", "events.k8s.io", "events"),
    ] {
        assert!(
            may(cluster, "rouse-scaler", verb, group, resource).await,
            "{verb} {resource}"
        );
    }
    for (verb, group, resource) in [
        ("get", "", "secrets"),
        ("patch", "", "pods"),
        ("delete", "", "pods"),
        ("patch", "apps", "deployments"),
        ("update", "apps", "deployments"),
        ("patch", "rouse.dev", "scaledworkloads"),
        ("create", "", "pods/exec"),
        ("get", "", "configmaps"),
        ("patch", "events.k8s.io", "events"),
        ("delete", "events.k8s.io", "events"),
        ("create", "", "events"),
    ] {
        assert!(
            !may(cluster, "rouse-scaler", verb, group, resource).await,
            "{verb} {resource}"
        );
    }
}

async fn of_secrets_the_scaler_has_two(cluster: &Cluster) {
    let user = format!("system:serviceaccount:{NAMESPACE}:rouse-scaler");
    for (verb, name, wanted) in [
        ("create", "", true),
        ("get", "rouse-link-ca", true),
        ("update", "rouse-link-ca", true),
        ("get", "rouse-proxy-link", true),
        ("update", "rouse-proxy-link", true),
        ("get", "another", false),
        ("update", "another", false),
        ("list", "", false),
        ("watch", "", false),
        ("delete", "rouse-link-ca", false),
        ("patch", "rouse-link-ca", false),
    ] {
        let object = ("secrets", name);
        let allowed = may_named(cluster, &user, NAMESPACE, verb, "", object).await;
        assert_eq!(allowed, wanted, "{verb} {name}");
        let elsewhere = may_named(cluster, &user, "default", verb, "", object).await;
        assert!(!elsewhere, "{verb} {name} in another namespace");
    }
}

async fn the_proxy_has_nothing(cluster: &Cluster) {
    for (verb, group, resource) in [
        ("get", "", "pods"),
        ("get", "rouse.dev", "scaledworkloads"),
        ("get", "", "secrets"),
    ] {
        assert!(
            !may(cluster, "rouse-proxy", verb, group, resource).await,
            "{verb} {resource}"
        );
    }
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    let proxy = &cluster.proxies().await[0].name;
    let spec = pods.get(proxy).await.unwrap().spec.unwrap();
    assert_eq!(spec.automount_service_account_token, Some(false));
}
