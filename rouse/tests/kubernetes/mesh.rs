//! Replicas that speak TLS alone, and only to who shows a certificate: a mesh's, and a namespace's own. The proxies are those of a second
//! installation, which has the files.

use std::path::Path;

use serde_json::{Value, json};

use crate::authority::{Authority, write};
use crate::cluster::{Cluster, Member};
use crate::load::Load;
use crate::second::Second;
use crate::space::{App, Space};
use crate::support::{Whole, get, once, until};
use crate::{Cases, cases};

pub(crate) const CASES: Cases = cases![replicas_are_dialled_over_tls_and_by_identity];

const NAMESPACE: &str = "mesh";
const PROXY: &str = "spiffe://cluster.local/ns/rouse-mesh/sa/rouse-proxy";

async fn replicas_are_dialled_over_tls_and_by_identity(cluster: &Cluster) {
    let files = tempfile::tempdir().unwrap();
    let (ca, other) = (Authority::new("mesh"), Authority::new("other"));
    let proxy = ca.issue(&[PROXY], |_| {});
    for folder in ["proxy", "certs/mesh"] {
        std::fs::create_dir_all(files.path().join(folder)).unwrap();
    }
    write(&files.path().join("proxy"), &ca.pem(), &proxy);
    let client = other.issue(&["client.test"], |_| {});
    write(&files.path().join("certs/mesh"), &other.pem(), &client);
    let flag = |name: &str, file: &str| format!("--{name}={}", files.path().join(file).display());
    let flags = [
        flag("mesh-ca", "proxy/ca.crt"),
        flag("mesh-cert", "proxy/tls.crt"),
        flag("mesh-key", "proxy/tls.key"),
        flag("upstream-certs", "certs"),
    ];
    let second = Second {
        cluster,
        own: "rouse-mesh",
        given: Some(NAMESPACE),
        scaler: &["--class=mesh"],
        proxy: &flags.each_ref().map(String::as_str),
        env: &[],
    };
    let space = Space::new(cluster, NAMESPACE).await;
    second.install().await;
    let member = second.member().await;
    let replicas = Replicas {
        space: &space,
        files: files.path(),
    };
    let issue = |by: &Authority, name: &str| by.issue(&[name], |_| {});
    let hello = "spiffe://cluster.local/ns/mesh/sa/hello";
    let mesh = json!("mesh");
    let own = json!({"ca": "ca.crt", "cert": "tls.crt", "key": "tls.key"});

    replicas
        .start("hello", &ca.pem(), &issue(&ca, hello), &mesh)
        .await;
    wakes_and_sleeps(&space, &member, "hello").await;
    rotated(&space, &member, files.path(), &ca).await;
    let named = issue(&other, "own.mesh.svc");
    replicas.start("own", &other.pem(), &named, &own).await;
    wakes_and_sleeps(&space, &member, "own").await;

    let impostor = issue(&ca, "spiffe://cluster.local/ns/mesh/sa/hello");
    replicas
        .start("impostor", &ca.pem(), &impostor, &mesh)
        .await;
    let stranger = issue(&other, "spiffe://cluster.local/ns/mesh/sa/stranger");
    replicas
        .start("stranger", &ca.pem(), &stranger, &mesh)
        .await;
    let misnamed = issue(&other, "other.mesh.svc");
    replicas
        .start("misnamed", &other.pem(), &misnamed, &own)
        .await;
    for name in ["impostor", "stranger", "misnamed"] {
        is_not_spoken_to(&space, &member, name).await;
    }
    space.end().await;
    second.end().await;
}

struct Replicas<'a> {
    space: &'a Space<'a>,
    files: &'a Path,
}

impl Replicas<'_> {
    /// A sleeping workload of the service account of its name, whose replicas show this pair and hear only clients of this authority.
    async fn start(&self, name: &str, clients: &str, pair: &(String, String), tls: &Value) {
        let folder = self.files.join(name);
        std::fs::create_dir(&folder).unwrap();
        write(&folder, clients, pair);
        let file = |file: &str| folder.join(file).display().to_string();
        let (certificate, key, ca) = (file("tls.crt"), file("tls.key"), file("ca.crt"));
        let account =
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}});
        self.space.apply(account).await;
        let app = App {
            flags: &[
                "--tls-cert",
                &certificate,
                "--tls-key",
                &key,
                "--tls-client-ca",
                &ca,
            ],
            probe: Some(json!({"tcpSocket": {"port": "http"}, "periodSeconds": 1})),
            pod: json!({"serviceAccountName": name}),
            ..App::new(name)
        };
        self.space.deploy(&app).await;
        let http = json!({"upstream": {"tls": tls}, "hold": {"timeout": "5s"}});
        let spec = json!({"class": "mesh", "idleAfter": "1s", "http": http});
        self.space.scaled(name, spec).await;
    }
}

async fn ask(proxy: &Member, space: &Space<'_>, name: &str) -> Whole {
    let answer = once(proxy.requests(), get(&space.host(name), "/headers")).await;
    answer.expect("an answer")
}

async fn wakes_and_sleeps(space: &Space<'_>, proxy: &Member, name: &str) {
    until("the proxy knows it", async || {
        ask(proxy, space, name).await.status != 404
    })
    .await;
    for _ in 0..2 {
        let answer = ask(proxy, space, name).await;
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
        space.until_replicas(name, 0).await;
        space.until_state(name, "Asleep").await;
    }
}

/// The mesh gives its proxy a certificate of another authority while requests come; replicas that start later believe only that.
async fn rotated(space: &Space<'_>, proxy: &Member, files: &Path, ca: &Authority) {
    let next = Authority::new("next");
    let clients = files.join("hello/ca.crt");
    std::fs::write(&clients, format!("{}{}", ca.pem(), next.pem())).unwrap();
    let load = Load::start(proxy.requests(), &space.host("hello"), &[20, 1900]);
    load.goes_on(20).await;
    let new = next.issue(&[PROXY], |_| {});
    write(&files.join("proxy"), &ca.pem(), &new);
    load.goes_on(100).await;
    load.lost_nothing().await;
    space.until_replicas("hello", 0).await;
    std::fs::write(&clients, next.pem()).unwrap();
    until("the new certificate is shown", async || {
        ask(proxy, space, "hello").await.status == 200
    })
    .await;
}

/// It is waked, and gets no request.
async fn is_not_spoken_to(space: &Space<'_>, proxy: &Member, name: &str) {
    until("the proxy knows it", async || {
        ask(proxy, space, name).await.status != 404
    })
    .await;
    let mut request = get(&space.host(name), "/");
    let id = http::HeaderValue::from_str(name).unwrap();
    request.headers_mut().insert("x-request-id", id);
    let answer = once(proxy.requests(), request).await.expect("an answer");
    assert!(matches!(answer.status, 502..=504), "{name}: {answer:?}");
    let ledger = space.ledger();
    assert!(ledger.starts() > 0);
    assert_eq!(ledger.executions(name), 0);
}
