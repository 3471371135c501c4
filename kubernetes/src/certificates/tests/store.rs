//! What the API server is asked, and what is made of its answers.

use serde_json::json;

use super::super::CertificatesConfig;
use super::super::store::KubeStore;
use super::*;
use crate::testing::{Server, answer};

fn store(server: &Server) -> KubeStore {
    let config = CertificatesConfig {
        namespace: "ns".to_owned(),
        name: "blue".to_owned(),
        lifetimes: LIFETIMES,
    };
    KubeStore::new(server.client.clone(), &config)
}

async fn answering(status: u16) -> Server {
    let reason = if status == 404 { "NotFound" } else { "no" };
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status, "message": "no", "reason": reason,
    });
    Server::new(move |_| {
        let body = body.clone();
        async move { answer(status, &body) }
    })
    .await
}

fn read(version: &str) -> Secret {
    let mut secret = Secret::default();
    secret.metadata.resource_version = Some(version.to_owned());
    secret
}

#[tokio::test]
async fn a_write_says_which_version_it_replaces() {
    let server = Server::new(|_| async { answer(200, &json!({"metadata": {}})) }).await;
    let store = store(&server);
    assert!(
        store
            .put(Which::Authorities, Secret::default())
            .await
            .unwrap()
    );
    assert!(store.put(Which::Proxies, read("7")).await.unwrap());
    store.get(Which::Proxies).await.unwrap();
    let asked = server.asked();
    let at = |n: usize| {
        format!(
            "{} {}",
            asked[n].method,
            asked[n].path.split('?').next().unwrap()
        )
    };
    assert_eq!(at(0), "POST /api/v1/namespaces/ns/secrets");
    assert!(asked[0].body.contains("\"name\":\"blue-link-ca\""));
    assert_eq!(at(1), "PUT /api/v1/namespaces/ns/secrets/blue-proxy-link");
    assert!(asked[1].body.contains("\"resourceVersion\":\"7\""));
    assert_eq!(at(2), "GET /api/v1/namespaces/ns/secrets/blue-proxy-link");
    assert_eq!(store.name(Which::Authorities), "ns/blue-link-ca");
}

#[tokio::test]
async fn who_was_slower_reads_again() {
    let server = answering(409).await;
    let store = store(&server);
    assert_eq!(store.put(Which::Proxies, read("7")).await, Ok(false));
    assert_eq!(
        store.put(Which::Proxies, Secret::default()).await,
        Ok(false)
    );
    let server = answering(404).await;
    let store = self::store(&server);
    assert_eq!(store.put(Which::Proxies, read("7")).await, Ok(false));
    assert_eq!(store.get(Which::Proxies).await, Ok(None));
    let told = store.put(Which::Proxies, Secret::default()).await;
    assert!(told.is_err(), "there is no such namespace");
}

#[tokio::test]
async fn a_missing_right_is_named() {
    let server = answering(403).await;
    let store = store(&server);
    for (told, verb) in [
        (store.get(Which::Proxies).await.unwrap_err(), "get"),
        (
            store
                .put(Which::Proxies, Secret::default())
                .await
                .unwrap_err(),
            "create",
        ),
        (
            store.put(Which::Proxies, read("7")).await.unwrap_err(),
            "update",
        ),
    ] {
        assert!(told.contains(&format!("may not {verb} it")), "{told}");
    }
}
