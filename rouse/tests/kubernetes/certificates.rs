//! The link's certificates, made by the scalers: rotated under load, and not where somebody else's are. Alone.

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::api::{Api, DeleteParams, ListParams};
use serde_json::{Value, json};

use crate::apply::apply;
use crate::cluster::{Cluster, Member, NAMESPACE};
use crate::points::{arm, passed};
use crate::second::Second;
use crate::support::until;
use crate::upgrade::{Busy, patch, restart, rolled_out};
use crate::{Cases, cases};

pub(crate) const CASES: Cases = cases![
    certificates_and_authorities_rotate_under_load,
    where_certificates_are_ones_own_nothing_is_written_over,
];

/// An authority signs for 28 s: the next one is announced after them, and signs 7 s later.
const SHORT: [(&str, &str); 3] = [
    ("ROUSE_LINK_CERTIFICATE_LIFETIME", "21s"),
    ("ROUSE_LINK_AUTHORITY_LIFETIME", "42s"),
    ("ROUSE_LINK_AUTHORITY_OVERLAP", "7s"),
];

async fn environment(cluster: &Cluster, env: Vec<Value>) {
    let container = json!({"name": "scaler", "env": env});
    let template = json!({"spec": {"containers": [container]}});
    patch(
        cluster,
        "rouse-scaler",
        json!({"spec": {"template": template}}),
    )
    .await;
    rolled_out(cluster, "rouse-scaler").await;
}

/// An entry of one of the Secrets; empty when there is none.
async fn entry(cluster: &Cluster, secret: &str, entry: &str) -> String {
    let secrets: Api<Secret> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    let data = secrets.get(secret).await.unwrap().data.unwrap_or_default();
    let entry = data.get(entry).map(|entry| entry.0.clone());
    String::from_utf8(entry.unwrap_or_default()).unwrap()
}

async fn signing(cluster: &Cluster) -> String {
    entry(cluster, "rouse-link-ca", "ca.crt").await
}

/// Another authority signs, and proxies have a certificate of it.
async fn rotated(cluster: &Cluster, seen: &mut BTreeSet<String>) {
    let before = signing(cluster).await;
    seen.insert(before.clone());
    until("the next authority is believed", async || {
        let next = entry(cluster, "rouse-link-ca", "next.crt").await;
        let bundle = entry(cluster, "rouse-proxy-link", "ca.crt").await;
        let promoted = signing(cluster).await != before;
        promoted || !next.is_empty() && bundle.contains(&next)
    })
    .await;
    let certificate = entry(cluster, "rouse-proxy-link", "tls.crt").await;
    until("it signs", async || {
        let now = entry(cluster, "rouse-proxy-link", "tls.crt").await;
        signing(cluster).await != before && now != certificate
    })
    .await;
    seen.insert(signing(cluster).await);
}

/// For how many seconds what a member uses is still good.
async fn left(member: &Member, certificate: &str) -> i64 {
    let metrics = member.metrics().await;
    let name = format!("rouse_link_certificate_expiry_seconds{{certificate=\"{certificate}\"}} ");
    let value = metrics.text().split_once(&name);
    let value = value.and_then(|(_, rest)| rest.lines().next());
    value.and_then(|value| value.parse().ok()).unwrap_or(-1)
}

async fn certificates_and_authorities_rotate_under_load(cluster: &Cluster) {
    let knobs = cluster.testbed.node().knobs();
    // With kubelet it is up to two minutes, and the overlap an hour.
    knobs.set_volume_delay(Duration::from_millis(500));
    let busy = Busy::start(cluster, "certificates").await;
    busy.goes_on().await;
    let set = |(name, value): (&str, &str)| json!({"name": name, "value": value});
    environment(cluster, SHORT.map(set).into()).await;
    let mut seen = BTreeSet::new();

    // A scaler ends between the authorities' Secret and the proxies'.
    let file = arm("authority-announced");
    passed(&file).await;
    rotated(cluster, &mut seen).await;
    // And between the new authority and the certificates that it has to sign.
    let file = arm("authority-promoted");
    rotated(cluster, &mut seen).await;
    passed(&file).await;
    busy.goes_on().await;
    // Those who begin anew and those who have been there speak with each other.
    restart(cluster, "rouse-proxy", "certificates").await;
    rotated(cluster, &mut seen).await;
    rolled_out(cluster, "rouse-proxy").await;
    for scaler in cluster.scalers().await {
        cluster.kill(&scaler, "scaler");
        busy.goes_on().await;
    }
    cluster.whole().await;
    assert!(seen.len() >= 4, "{} authorities", seen.len());
    until("everybody uses what was made last", async || {
        for member in [cluster.proxies().await, cluster.scalers().await].concat() {
            let own = left(&member, "own").await;
            let authority = left(&member, "authority").await;
            if !(1..=21).contains(&own) || !(1..=42).contains(&authority) {
                return false;
            }
        }
        true
    })
    .await;

    let unset = |(name, _): (&str, &str)| json!({"name": name, "$patch": "delete"});
    environment(cluster, SHORT.map(unset).into()).await;
    knobs.set_volume_delay(Duration::ZERO);
    cluster.whole().await;
    busy.goes_on().await;
    busy.lost_nothing().await;
}

/// As after an upgrade from certificates of one's own without saying so: the new scaler takes no proxies, and says what to do.
async fn where_certificates_are_ones_own_nothing_is_written_over(cluster: &Cluster) {
    const OWN: &str = "rouse-own";
    let client = &cluster.client;
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": OWN}});
    apply(client, &namespace).await;
    let own = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
        "metadata": {"name": "rouse-proxy-link", "namespace": OWN},
        "stringData": {"ca.crt": "theirs", "tls.crt": "theirs", "tls.key": "theirs"},
    });
    apply(client, &own).await;
    let second = Second {
        cluster,
        own: OWN,
        given: None,
        scaler: &["--class=own"],
        proxy: &[],
        env: &[],
    };
    second.install().await;
    until("the scaler says so", async || {
        log(cluster, OWN).await.contains("not made by a scaler")
    })
    .await;
    assert_eq!(cluster.ready(OWN, "rouse-scaler").await, []);
    let secrets: Api<Secret> = Api::namespaced(client.clone(), OWN);
    let theirs = secrets.get("rouse-proxy-link").await.unwrap();
    assert_eq!(theirs.data.unwrap()["ca.crt"].0, b"theirs");
    // They are taken away, and made.
    let now = DeleteParams::default();
    secrets.delete("rouse-proxy-link", &now).await.unwrap();
    second.member().await;
    second.end().await;
}

async fn log(cluster: &Cluster, namespace: &str) -> String {
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), namespace);
    let labels = ListParams::default().labels("app.kubernetes.io/name=rouse-scaler");
    let mut text = String::new();
    for pod in pods.list(&labels).await.unwrap().items {
        let name = pod.metadata.name.unwrap();
        let log = cluster.testbed.node().logs(namespace, &name, "scaler");
        text.push_str(&log.unwrap_or_default());
    }
    text
}
