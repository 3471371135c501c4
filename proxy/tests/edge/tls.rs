//! TLS towards replicas that demand a client certificate: identities right and wrong, expired, exchanged under load.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::CertificateParams;
use rouse_api::link::{Endpoint, EndpointId, EndpointState, ToProxy, WorkloadState};
use rouse_api::workload::{Probe, ProbeAction, Protocol, Tls, TlsFiles};
use rouse_proxy::{MeshFiles, ProxyConfig};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

use crate::authority::{Authority, Pair, write};
use crate::support::{Gateway, id, post, routed};

const HELLO: &str = "spiffe://cluster.local/ns/default/sa/hello";
const PROXY: &str = "spiffe://cluster.local/ns/rouse/sa/rouse-proxy";

fn server(ca: &str, (certificate, key): &Pair) -> Arc<ServerConfig> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients.build().unwrap())
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
        )
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}

/// A replica that answers over TLS with what was negotiated; only who shows a certificate of the CA is heard.
struct Secure {
    address: SocketAddr,
    task: AbortHandle,
}

impl Secure {
    async fn start(ca: &str, pair: &Pair) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = TlsAcceptor::from(server(ca, pair));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let alpn = stream
                        .get_ref()
                        .1
                        .alpn_protocol()
                        .unwrap_or_default()
                        .to_vec();
                    let spoken = String::from_utf8(alpn.clone()).unwrap();
                    let service = service_fn(move |_| {
                        let spoken = spoken.clone();
                        async move {
                            Ok::<_, Infallible>(http::Response::new(Full::new(Bytes::from(spoken))))
                        }
                    });
                    let io = TokioIo::new(stream);
                    if alpn == b"h2" {
                        let _ = http2::Builder::new(TokioExecutor::new())
                            .serve_connection(io, service)
                            .await;
                    } else {
                        let _ = http1::Builder::new().serve_connection(io, service).await;
                    }
                });
            }
        });
        Self {
            address,
            task: task.abort_handle(),
        }
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A proxy with the mesh's certificate in this folder, and `hello` that is dialled by it.
async fn mesh(folder: &Path, protocol: Protocol) -> Gateway {
    let tune = |config: &mut ProxyConfig| {
        config.upstream_tls.mesh = Some(MeshFiles {
            ca: folder.join("ca.crt"),
            certificate: folder.join("tls.crt"),
            key: folder.join("tls.key"),
            trust_domain: "cluster.local".to_owned(),
        });
        config.upstream_tls.reload_every = Some(Duration::from_millis(20));
        // A connection is for one request, so that each makes a handshake.
        config.upstream.idle = Duration::ZERO;
    };
    let hello = routed("hello", |http| {
        http.tls = Tls::Mesh;
        http.protocol = protocol;
        http.hold.timeout = Duration::from_millis(600);
    });
    Gateway::routing(tune, vec![hello]).await
}

async fn tell(gateway: &Gateway, address: SocketAddr, account: Option<&str>, probe: Option<Probe>) {
    let state = if probe.is_some() {
        EndpointState::Starting
    } else {
        EndpointState::Ready
    };
    let endpoint = Endpoint {
        id: EndpointId(format!("{address}/{account:?}").into()),
        address,
        state,
        probe: probe.map(Arc::new),
        service_account: account.map(Into::into),
    };
    let probers = vec![rouse_proxy::ProxyConfig::default().member];
    let told = WorkloadState {
        endpoints: vec![endpoint],
        probers,
        ..WorkloadState::empty(id("hello"))
    };
    gateway.tell(ToProxy::State(told)).await;
    gateway
        .status("hello", "it is known", |status| {
            status.endpoints.iter().any(|one| one.address == address)
        })
        .await;
}

#[tokio::test]
async fn the_mesh_is_spoken_to_by_identity() {
    let (ca, folder) = (Authority::new("mesh"), TempDir::new().unwrap());
    write(folder.path(), &ca.pem(), &ca.issue(&[PROXY], |_| {}));
    let replica = Secure::start(&ca.pem(), &ca.issue(&[HELLO], |_| {})).await;
    for (protocol, spoken) in [(Protocol::Http1, "http/1.1"), (Protocol::H2c, "h2")] {
        let gateway = mesh(folder.path(), protocol).await;
        tell(&gateway, replica.address, Some("hello"), None).await;
        let answer = gateway.ask(&post("hello", "body")).await;
        assert_eq!((answer.status, answer.text()), (200, spoken));
    }
}

#[tokio::test]
async fn who_is_another_gets_nothing() {
    let (ca, other, folder) = (
        Authority::new("mesh"),
        Authority::new("other"),
        TempDir::new().unwrap(),
    );
    write(folder.path(), &ca.pem(), &ca.issue(&[PROXY], |_| {}));
    let expired = |params: &mut CertificateParams| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2020, 2, 1);
    };
    let gateway = mesh(folder.path(), Protocol::Http1).await;
    for (what, pair, account) in [
        (
            "another account",
            ca.issue(&["spiffe://cluster.local/ns/default/sa/other"], |_| {}),
            Some("hello"),
        ),
        (
            "another namespace",
            ca.issue(&["spiffe://cluster.local/ns/team/sa/hello"], |_| {}),
            Some("hello"),
        ),
        (
            "another trust domain",
            ca.issue(&["spiffe://elsewhere/ns/default/sa/hello"], |_| {}),
            Some("hello"),
        ),
        (
            "two identities",
            ca.issue(&[HELLO, "spiffe://cluster.local/ns/default/sa/x"], |_| {}),
            Some("hello"),
        ),
        (
            "a name only",
            ca.issue(&["hello.default.svc"], |_| {}),
            Some("hello"),
        ),
        ("expired", ca.issue(&[HELLO], expired), Some("hello")),
        (
            "another authority",
            other.issue(&[HELLO], |_| {}),
            Some("hello"),
        ),
        ("nobody knows who it is", ca.issue(&[HELLO], |_| {}), None),
    ] {
        let replica = Secure::start(&ca.pem(), &pair).await;
        tell(&gateway, replica.address, account, None).await;
        let answer = gateway.ask(&post("hello", "body")).await;
        assert_ne!(answer.status, 200, "{what}");
    }
    // In plain text it is not tried.
    let plain = crate::support::Steady::start("plain").await;
    tell(&gateway, plain.address, Some("hello"), None).await;
    assert_ne!(gateway.get("hello").await.status, 200);
    assert!(plain.seen().is_empty());
}

#[tokio::test]
async fn who_shows_no_certificate_that_is_believed_is_not_heard() {
    let (ca, other, folder) = (
        Authority::new("mesh"),
        Authority::new("other"),
        TempDir::new().unwrap(),
    );
    write(folder.path(), &ca.pem(), &other.issue(&[PROXY], |_| {}));
    let replica = Secure::start(&ca.pem(), &ca.issue(&[HELLO], |_| {})).await;
    let gateway = mesh(folder.path(), Protocol::Http1).await;
    tell(&gateway, replica.address, Some("hello"), None).await;
    assert_ne!(gateway.get("hello").await.status, 200);
}

#[tokio::test]
async fn certificates_are_exchanged_under_load() {
    let (first, second, folder) = (
        Authority::new("first"),
        Authority::new("second"),
        TempDir::new().unwrap(),
    );
    write(folder.path(), &first.pem(), &first.issue(&[PROXY], |_| {}));
    let old = Secure::start(&first.pem(), &first.issue(&[HELLO], |_| {})).await;
    let new = Secure::start(&second.pem(), &second.issue(&[HELLO], |_| {})).await;
    let gateway = mesh(folder.path(), Protocol::Http1).await;
    tell(&gateway, old.address, Some("hello"), None).await;
    let load = async {
        for _ in 0..200 {
            let answer = gateway.get("hello").await;
            assert_eq!(answer.status, 200, "{answer:?}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let exchange = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        // Half written, it is not taken.
        std::fs::write(folder.path().join("tls.crt"), "nothing").unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        // Those of both authorities are believed while certificates change.
        let both = format!("{}{}", first.pem(), second.pem());
        write(folder.path(), &both, &first.issue(&[PROXY], |_| {}));
    };
    tokio::join!(load, exchange);
    write(
        folder.path(),
        &second.pem(),
        &second.issue(&[PROXY], |_| {}),
    );
    tokio::time::sleep(Duration::from_millis(50)).await;
    tell(&gateway, new.address, Some("hello"), None).await;
    assert_eq!(gateway.get("hello").await.status, 200);
}

#[tokio::test]
async fn a_start_is_probed_over_the_same_tls() {
    let (ca, folder) = (Authority::new("mesh"), TempDir::new().unwrap());
    write(folder.path(), &ca.pem(), &ca.issue(&[PROXY], |_| {}));
    let replica = Secure::start(&ca.pem(), &ca.issue(&[HELLO], |_| {})).await;
    for action in [
        ProbeAction::HttpGet {
            path: "/".to_owned(),
            headers: Vec::new(),
            port: Some(replica.address.port()),
        },
        ProbeAction::TcpSocket { port: None },
    ] {
        let gateway = mesh(folder.path(), Protocol::Http1).await;
        let probe = Probe {
            action,
            timeout: Duration::from_secs(1),
            period: Duration::from_secs(1),
            success_threshold: 1,
            failure_threshold: 1,
        };
        tell(&gateway, replica.address, Some("hello"), Some(probe)).await;
        gateway
            .status("hello", "it is found ready", |status| {
                status.endpoints[0].state == "ready"
            })
            .await;
        assert_eq!(gateway.get("hello").await.status, 200);
    }
}

#[tokio::test]
async fn a_workloads_own_files_and_name() {
    let (ca, folder) = (Authority::new("own"), TempDir::new().unwrap());
    let inside = folder.path().join("default");
    std::fs::create_dir(&inside).unwrap();
    write(&inside, &ca.pem(), &ca.issue(&["rouse"], |_| {}));
    let replica = Secure::start(&ca.pem(), &ca.issue(&["hello.default.svc"], |_| {})).await;
    let with = |ca: &str, client: bool, name: &str| {
        Tls::Files(TlsFiles {
            ca: ca.to_owned(),
            client: client.then(|| ("tls.crt".to_owned(), "tls.key".to_owned())),
            server_name: name.to_owned(),
        })
    };
    for (tls, wanted) in [
        (with("ca.crt", true, "hello.default.svc"), true),
        (with("ca.crt", true, "other.default.svc"), false),
        (with("ca.crt", false, "hello.default.svc"), false),
        (with("none.crt", true, "hello.default.svc"), false),
        (with("../default/ca.crt", true, "hello.default.svc"), false),
        (with("", false, ""), false),
    ] {
        let tune =
            |config: &mut ProxyConfig| config.upstream_tls.folder = Some(folder.path().to_owned());
        let what = format!("{tls:?}");
        let hello = routed("hello", |http| {
            http.tls = tls;
            http.hold.timeout = Duration::from_millis(600);
        });
        let gateway = Gateway::routing(tune, vec![hello]).await;
        tell(&gateway, replica.address, None, None).await;
        assert_eq!(gateway.get("hello").await.status == 200, wanted, "{what}");
    }
}
