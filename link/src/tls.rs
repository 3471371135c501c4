//! Mutual TLS: both sides show a certificate of a common CA. Files are looked at regularly and taken for new connections when they
//! have changed; what can't be used leaves the earlier ones in force.

mod files;
mod reload;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio_util::sync::CancellationToken;

use files::Pems;
pub(crate) use reload::Reloading;

/// Between two looks at the files.
pub const RELOAD_EVERY: Duration = Duration::from_secs(5);

/// The name that a scaler's certificate must have, unless said otherwise.
pub const SERVER_NAME: &str = "rouse-scaler";

/// How connections are protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsConfig {
    /// Mutual TLS.
    Files(TlsFiles),
    /// Plain text: whoever reaches the port is believed. For tests and for networks that encrypt by themselves.
    Insecure,
}

/// Where keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificates of the authorities that are believed, PEM.
    pub ca: PathBuf,
    /// The own certificate and what leads to the CA, PEM.
    pub certificate: PathBuf,
    /// The own private key, PEM.
    pub key: PathBuf,
    /// Between two looks at the files; [`RELOAD_EVERY`].
    pub reload_every: Duration,
}

/// Why keys can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error("can't read {path}: {source}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{path}: {problem}")]
    Content {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The files don't fit together.
    #[error("{certificate} and its key can't be used: {problem}")]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A name that no certificate can have.
    #[error("{0:?} is not a server name; it must be a DNS name or an IP address")]
    Name(String),
}

/// The connecting side's configuration, kept current until `stop`; `None`: plain text.
pub(crate) async fn client(
    config: &TlsConfig,
    stop: CancellationToken,
) -> Result<Option<Reloading<rustls::ClientConfig>>, TlsError> {
    start(config, files::client, stop).await
}

/// The listening side's.
pub(crate) async fn server(
    config: &TlsConfig,
    stop: CancellationToken,
) -> Result<Option<Reloading<rustls::ServerConfig>>, TlsError> {
    start(config, files::server, stop).await
}

async fn start<T: Send + Sync + 'static>(
    config: &TlsConfig,
    build: fn(&TlsFiles, &Pems) -> Result<T, TlsError>,
    stop: CancellationToken,
) -> Result<Option<Reloading<T>>, TlsError> {
    match config {
        TlsConfig::Files(files) => Reloading::start(files.clone(), build, stop).await.map(Some),
        TlsConfig::Insecure => {
            tracing::warn!("the link is in plain text: whoever reaches its port is believed");
            Ok(None)
        }
    }
}

pub(crate) fn server_name(name: &str) -> Result<ServerName<'static>, TlsError> {
    ServerName::try_from(name.to_owned()).map_err(|_| TlsError::Name(name.to_owned()))
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
