//! TLS towards those who ask, from files read once at the start.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// For a handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Files for TLS.
#[derive(Debug, Clone, PartialEq, Default, clap::Args)]
pub struct Tls {
    /// Speak TLS with this certificate (PEM), and those in between
    #[arg(
        id = "sample_tls_cert",
        long = "tls-cert",
        env = "SAMPLE_TLS_CERT",
        value_name = "FILE",
        requires = "sample_tls_key"
    )]
    pub certificate: Option<PathBuf>,
    /// Its private key (PEM)
    #[arg(
        id = "sample_tls_key",
        long = "tls-key",
        env = "SAMPLE_TLS_KEY",
        value_name = "FILE",
        requires = "sample_tls_cert"
    )]
    pub key: Option<PathBuf>,
    /// Hear only who shows a certificate of these authorities (PEM)
    #[arg(
        id = "sample_tls_client_ca",
        long = "tls-client-ca",
        env = "SAMPLE_TLS_CLIENT_CA",
        value_name = "FILE",
        requires = "sample_tls_cert"
    )]
    pub client_ca: Option<PathBuf>,
}

impl Tls {
    /// `None`: plain text.
    pub(crate) fn acceptor(&self) -> io::Result<Option<TlsAcceptor>> {
        let (Some(certificate), Some(key)) = (&self.certificate, &self.key) else {
            return Ok(None);
        };
        let chain = certificates(certificate)?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, error))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        let config = match &self.client_ca {
            None => config.with_no_client_auth(),
            Some(ca) => {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(certificates(ca)?);
                let roots = Arc::new(roots);
                let clients = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
                config.with_client_cert_verifier(clients.map_err(|error| unusable(ca, error))?)
            }
        };
        let pair = config.with_single_cert(chain, key);
        let mut config = pair.map_err(|error| unusable(certificate, error))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Some(TlsAcceptor::from(Arc::new(config))))
    }
}

/// `None`: the peer could not agree, or took too long.
pub(crate) async fn handshake(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
) -> Option<TlsStream<TcpStream>> {
    timeout(HANDSHAKE, acceptor.accept(stream)).await.ok()?.ok()
}

fn certificates(file: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    read.map_err(|error| unusable(file, error))
}

fn unusable(file: &Path, error: impl std::fmt::Display) -> io::Error {
    io::Error::other(format!("{}: {error}", file.display()))
}
