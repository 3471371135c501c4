//! The whole scaler against a real Prometheus.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may"
)]

mod common;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::PATIENCE;
use common::asked::{asked, started, why};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rouse_api::workload::{Access, Asked, Credential, Query, Workload};
use rouse_scaler::ScalerConfig;
use rouse_scaler::trigger::Allowed;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};

/// A real server that scrapes nothing; killed when dropped.
struct Prometheus {
    child: Child,
    url: String,
    home: TempDir,
}

impl Prometheus {
    /// With entries of its `web.config.file`; empty: in plain text, for everybody.
    async fn start(home: TempDir, web: &str) -> Self {
        let config = home.path().join("prometheus.yml");
        std::fs::write(&config, "scrape_configs: []\n").unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                home.path().join("data").display()
            ))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args((!web.is_empty()).then(|| {
                let path = home.path().join("web.yml");
                std::fs::write(&path, web).unwrap();
                format!("--web.config.file={}", path.display())
            }))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus: cargo xtask test installs it");
        let listens = async {
            while tokio::net::TcpStream::connect(("127.0.0.1", port))
                .await
                .is_err()
            {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, listens).await.expect("it listens");
        let scheme = match web.contains("tls_server_config") {
            true => "https",
            false => "http",
        };
        Self {
            child,
            url: format!("{scheme}://127.0.0.1:{port}"),
            home,
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn asking(server: &str, query: &str) -> Workload {
    let headers = BTreeMap::from([("x-scope-orgid".to_owned(), "team".to_owned())]);
    let access = Access {
        headers,
        ..Access::default()
    };
    asking_with(server, query, access)
}

fn asking_with(server: &str, query: &str, access: Access) -> Workload {
    let of = Asked::Prometheus(Box::new(Query {
        server: server.to_owned(),
        query: query.to_owned(),
        empty_is_zero: false,
        access,
    }));
    asked(of, 12.0)
}

#[tokio::test]
async fn a_query_sizes_a_wake_and_what_is_no_number_is_told() {
    let prometheus = Prometheus::start(tempfile::tempdir().unwrap(), "").await;
    let (scaler, mut said) = started(ScalerConfig::default());
    let server = &prometheus.url;
    for (query, words) in [
        ("nothing_of_that_name", "the query has no result"),
        ("vector(0) / 0", "the query's result is NaN"),
        ("sum(", "400 Bad Request: invalid parameter"),
        ("\"text\"", "the query's result is a string"),
    ] {
        scaler.apply(vec![asking(server, query)]).await;
        why(&scaler, words).await;
    }
    let several = "label_replace(vector(1), \"a\", \"1\", \"\", \"\") or vector(2)";
    scaler.apply(vec![asking(server, several)]).await;
    why(&scaler, "the query has 2 series").await;
    assert!(
        said.try_recv().is_err(),
        "nothing is known, nothing is scaled"
    );
    scaler.apply(vec![asking(server, "vector(30)")]).await;
    let first = timeout(PATIENCE, said.recv()).await.unwrap();
    assert_eq!(first, Some(3));
    drop(prometheus);
    why(&scaler, "by triggers[0] (prometheus)").await;
    scaler.shutdown().await;
}

/// An authority in `ca.crt`, a server's certificate and a client's of it, each with its key.
fn certify(home: &TempDir) {
    let mut ca = CertificateParams::new([]).unwrap();
    ca.distinguished_name.push(DnType::CommonName, "authority");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
    let write = |name: &str, text: String| std::fs::write(home.path().join(name), text).unwrap();
    write("ca.crt", ca.pem());
    for name in ["server", "client"] {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &ca).unwrap();
        write(&format!("{name}.crt"), certificate.pem());
        write(&format!("{name}.key"), key.serialize_pem());
    }
}

#[tokio::test]
async fn a_server_that_wants_certificate_and_password_gets_both() {
    let home = tempfile::tempdir().unwrap();
    certify(&home);
    // bcrypt of "secret".
    let web = r#"
tls_server_config:
  cert_file: server.crt
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.crt
basic_auth_users:
  me: "$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a"
"#;
    let prometheus = Prometheus::start(home, web).await;
    let file = |name: &str| Credential::File(prometheus.home.path().join(name));
    let (scaler, mut said) = started(ScalerConfig::default());
    let ask = async |access: Access| {
        let workload = asking_with(&prometheus.url, "vector(30)", access);
        scaler.apply(vec![workload]).await;
    };
    ask(Access::default()).await;
    why(&scaler, "UnknownIssuer").await;
    let mut access = Access {
        ca: Some(file("ca.crt")),
        ..Access::default()
    };
    ask(access.clone()).await;
    // With TLS 1.3 the refusal comes after the handshake.
    why(&scaler, "received fatal alert").await;
    access.identity = Some((file("client.crt"), file("client.key")));
    ask(access.clone()).await;
    why(&scaler, "401 Unauthorized").await;
    let password = prometheus.home.path().join("password");
    access.basic = Some(("me".to_owned(), file("password")));
    ask(access.clone()).await;
    why(&scaler, "password can't be read").await;
    std::fs::write(&password, "wrong\n").unwrap();
    why(&scaler, "401 Unauthorized").await;
    assert!(said.try_recv().is_err(), "nothing is known");
    // Changed under way: it is read with each question.
    std::fs::write(&password, "secret\n").unwrap();
    let first = timeout(PATIENCE, said.recv()).await.unwrap();
    assert_eq!(first, Some(3));
    scaler.shutdown().await;
}

/// One answer, and the head of the request that it was for.
async fn answer_once(listener: tokio::net::TcpListener) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).await.unwrap();
        head.extend(byte);
    }
    let body = r#"{"data": {"resultType": "scalar", "result": [1, "30"]}}"#;
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
    String::from_utf8(head).unwrap()
}

/// Prometheus itself takes no tokens; those in front of it do.
#[tokio::test]
async fn a_token_and_headers_are_sent_and_only_to_servers_that_are_allowed() {
    let home = tempfile::tempdir().unwrap();
    let token = home.path().join("token");
    std::fs::write(&token, "abc.def\n").unwrap();
    let bind = async || tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (allowed, other) = (bind().await, bind().await);
    let url = |of: &tokio::net::TcpListener| format!("http://{}", of.local_addr().unwrap());
    let (allowed_url, other_url) = (url(&allowed), url(&other));
    let (scaler, mut said) = started(ScalerConfig {
        triggers: Allowed::only(vec![allowed_url.parse().unwrap()], Vec::new()),
        ..ScalerConfig::default()
    });
    let access = Access {
        headers: BTreeMap::from([("x-scope-orgid".to_owned(), "team".to_owned())]),
        bearer: Some(Credential::File(token)),
        ..Access::default()
    };
    let workload = asking_with(&other_url, "up", access.clone());
    scaler.apply(vec![workload]).await;
    why(&scaler, "--trigger-servers").await;
    let asked = timeout(Duration::from_millis(100), other.accept()).await;
    assert!(asked.is_err(), "the other is not even dialled");
    let workload = asking_with(&allowed_url, "sum(up)", access);
    scaler.apply(vec![workload]).await;
    let head = timeout(PATIENCE, answer_once(allowed)).await.unwrap();
    assert!(head.starts_with("GET /api/v1/query?query=sum%28up%29 HTTP/1.1\r\n"));
    assert!(head.contains("authorization: Bearer abc.def\r\n"), "{head}");
    assert!(head.contains("x-scope-orgid: team\r\n"), "{head}");
    let first = timeout(PATIENCE, said.recv()).await.unwrap();
    assert_eq!(first, Some(3));
    scaler.shutdown().await;
}
