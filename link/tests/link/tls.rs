use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rouse_link::client::ClientConfig;
use rouse_link::tls::{TlsConfig, TlsFiles, TlsKeys};
use tempfile::TempDir;

use crate::support::{Proxy, SHORT, Scaler, config};

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// Certificate and key.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

fn write(folder: &Path, ca: &str, (certificate, key): (String, String)) -> TlsConfig {
    let put = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    TlsConfig::Files(TlsFiles {
        ca: put("ca.crt", ca),
        certificate: put("tls.crt", &certificate),
        key: put("tls.key", &key),
        reload_every: Duration::from_millis(20),
    })
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

async fn scaler(tls: TlsConfig) -> Scaler {
    Scaler::with(tls, SocketAddr::from(([127, 0, 0, 1], 0))).await
}

fn client(scaler: &Scaler, tls: TlsConfig) -> ClientConfig {
    let mut config = config(&[scaler.address()]);
    config.tls = tls;
    config
}

#[tokio::test]
async fn both_sides_show_a_certificate_of_the_ca() {
    let ca = Authority::new("one");
    let (here, there) = (folder(), folder());
    let mut scaler = scaler(write(there.path(), &ca.pem(), ca.issue("rouse-scaler"))).await;
    let tls = write(here.path(), &ca.pem(), ca.issue("rouse-proxy"));
    let proxy = Proxy::with(client(&scaler, tls)).await;
    let session = scaler.session().await;
    session.tell(None, &["a"], &[]).await;
    proxy.synced(1).await;
}

#[tokio::test]
async fn strangers_are_refused() {
    let (ca, other) = (Authority::new("one"), Authority::new("other"));
    let there = folder();
    let mut scaler = scaler(write(there.path(), &ca.pem(), ca.issue("rouse-scaler"))).await;
    let here = folder();
    // One of another CA, that believes ours.
    let tls = write(here.path(), &ca.pem(), other.issue("rouse-proxy"));
    let stranger = Proxy::with(client(&scaler, tls)).await;
    stranger
        .wait(|link| {
            link.status()
                .scalers
                .iter()
                .any(|scaler| scaler.error.is_some())
        })
        .await;
    drop(stranger);
    // One that believes another CA.
    let tls = write(here.path(), &other.pem(), ca.issue("rouse-proxy"));
    let doubter = Proxy::with(client(&scaler, tls)).await;
    doubter.fails("UnknownIssuer").await;
    drop(doubter);
    // One that looks for another name.
    let tls = write(here.path(), &ca.pem(), ca.issue("rouse-proxy"));
    let mut wrong = client(&scaler, tls);
    wrong.server_name = "somebody-else".to_owned();
    let wrong = Proxy::with(wrong).await;
    wrong.fails("not valid for name").await;
    drop(wrong);
    // One in plain text.
    let plain = Proxy::with(client(&scaler, TlsConfig::Insecure)).await;
    plain
        .wait(|link| {
            link.status()
                .scalers
                .iter()
                .any(|scaler| scaler.error.is_some())
        })
        .await;
    assert!(
        tokio::time::timeout(SHORT, scaler.sessions.recv())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn one_without_a_certificate_is_refused() {
    let ca = Authority::new("one");
    let there = folder();
    let mut scaler = scaler(write(there.path(), &ca.pem(), ca.issue("rouse-scaler"))).await;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(ca.0.der().clone()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let socket = tokio::net::TcpStream::connect(scaler.address())
        .await
        .unwrap();
    let name = rustls::pki_types::ServerName::try_from("rouse-scaler").unwrap();
    let talk = async {
        let mut stream = connector.connect(name, socket).await?;
        // TLS 1.3 says so after the client's handshake.
        tokio::io::AsyncReadExt::read_u8(&mut stream).await
    };
    let error = tokio::time::timeout(crate::support::LONG, talk)
        .await
        .unwrap()
        .unwrap_err();
    assert!(error.to_string().contains("CertificateRequired"), "{error}");
    assert!(scaler.sessions.try_recv().is_err());
}

#[tokio::test]
async fn certificates_and_authorities_are_rotated_while_connected() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let (here, there) = (folder(), folder());
    let mut scaler = scaler(write(there.path(), &old.pem(), old.issue("rouse-scaler"))).await;
    let proxy_files = write(here.path(), &old.pem(), old.issue("rouse-proxy"));
    let first = Proxy::with(client(&scaler, proxy_files.clone())).await;
    let session = scaler.session().await;
    // Broken files change nothing.
    std::fs::write(there.path().join("tls.crt"), "nonsense").unwrap();
    std::fs::write(here.path().join("ca.crt"), "").unwrap();
    tokio::time::sleep(SHORT).await;
    drop(session);
    let session = scaler.session().await;
    // Both sides get the new authority's, and forget the old.
    write(there.path(), &new.pem(), new.issue("rouse-scaler"));
    write(here.path(), &new.pem(), new.issue("rouse-proxy"));
    // The connection made under the old ones lives on.
    session.tell(None, &["a"], &[]).await;
    first.synced(1).await;
    // Until both have looked, tries fail; then they meet under the new ones.
    tokio::time::sleep(SHORT).await;
    drop(session);
    let session = scaler.session().await;
    session.tell(None, &["a"], &[]).await;
    first.synced(1).await;
    // Who still has the old ones only is a stranger now.
    let late = folder();
    let tls = write(late.path(), &old.pem(), old.issue("rouse-proxy"));
    let stranger = Proxy::with(client(&scaler, tls)).await;
    stranger.fails("UnknownIssuer").await;
}

fn keys(ca: &Authority, name: &str) -> TlsKeys {
    let (certificate, key) = ca.issue(name);
    TlsKeys {
        ca: ca.pem().into_bytes(),
        certificate: certificate.into_bytes(),
        key: key.into_bytes(),
    }
}

#[tokio::test]
async fn keys_that_are_given_anew_are_taken_for_new_connections() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let (give_there, given_there) = tokio::sync::watch::channel(keys(&old, "rouse-scaler"));
    let (give_here, given_here) = tokio::sync::watch::channel(keys(&old, "rouse-proxy"));
    let mut scaler = scaler(TlsConfig::Given(given_there)).await;
    let proxy = Proxy::with(client(&scaler, TlsConfig::Given(given_here.clone()))).await;
    let session = scaler.session().await;
    let broken = TlsKeys {
        key: Vec::new(),
        ..keys(&new, "rouse-scaler")
    };
    give_there.send_replace(broken);
    give_there.send_replace(keys(&new, "rouse-scaler"));
    give_here.send_replace(keys(&new, "rouse-proxy"));
    // The connection made under the old ones lives on.
    session.tell(None, &["a"], &[]).await;
    proxy.synced(1).await;
    drop(session);
    let session = scaler.session().await;
    session.tell(None, &["a"], &[]).await;
    proxy.synced(1).await;
    // Who made them is gone: the last ones stay.
    drop((give_there, give_here, given_here));
    drop(session);
    scaler.session().await;
    let folder = folder();
    let tls = write(folder.path(), &old.pem(), old.issue("rouse-proxy"));
    let stranger = Proxy::with(client(&scaler, tls)).await;
    stranger.fails("UnknownIssuer").await;
}

#[tokio::test]
async fn metrics_say_when_certificates_are_over() {
    let ca = Authority::new("one");
    let here = folder();
    let mut config = config(&[]);
    config.tls = write(here.path(), &ca.pem(), ca.issue("rouse-proxy"));
    let registry = &mut prometheus_client::registry::Registry::default();
    let _link = rouse_link::client::connect(config, registry).await.unwrap();
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
    for certificate in ["own", "authority"] {
        let name =
            format!("rouse_link_certificate_expiry_seconds{{certificate=\"{certificate}\"}} ");
        let value = text.split_once(&name).unwrap_or_else(|| panic!("{text}")).1;
        let value: i64 = value.lines().next().unwrap().parse().unwrap();
        // The library's default is a long life.
        assert!(value > 1_000_000_000, "{value}");
    }
}

#[tokio::test]
async fn unusable_files_are_refused_at_the_start() {
    let ca = Authority::new("one");
    let there = folder();
    let (certificate, _) = ca.issue("rouse-proxy");
    let (_, key) = ca.issue("rouse-proxy");
    let mismatch = write(there.path(), &ca.pem(), (certificate, key));
    let mut config = config(&[]);
    config.tls = mismatch.clone();
    let registry = &mut prometheus_client::registry::Registry::default();
    let error = rouse_link::client::connect(config.clone(), registry)
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("tls.crt and its key can't be used"),
        "{error}"
    );
    std::fs::remove_file(there.path().join("ca.crt")).unwrap();
    let error = rouse_link::client::connect(config, registry)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("ca.crt"), "{error}");
}
