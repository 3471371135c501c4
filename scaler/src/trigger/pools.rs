//! Connections to servers that triggers ask: one pool for all that trust alike.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use parking_lot::Mutex;
use rouse_api::workload::{Access, WorkloadId};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::credential::read;
use crate::platform::Platform;

/// Pools at once; with more all are begun anew.
const MOST_POOLS: usize = 64;

/// An idle connection outlives a few of the usual intervals.
const IDLE: Duration = Duration::from_secs(60);

/// A stream on which nothing comes may stand for days: is the other side still there?
const ALIVE_EVERY: Duration = Duration::from_secs(30);

pub(super) type Pool<B> = Client<HttpsConnector<HttpConnector>, B>;

/// What a pool's connections have in common: whom they trust and who they are, as PEM.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Trust {
    ca: Option<Vec<u8>>,
    identity: Option<(Vec<u8>, Vec<u8>)>,
}

/// The pools, of requests with these bodies.
#[derive(Debug)]
pub(super) struct Pools<B> {
    all: Mutex<HashMap<Trust, Pool<B>>>,
    version: Version,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Version {
    /// HTTP/2 would hide why a server that wants another certificate hangs up.
    Http1,
    /// For gRPC.
    Http2,
}

impl<B> Pools<B>
where
    B: Body<Data = Bytes> + Send + 'static + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    pub(super) fn new(version: Version) -> Self {
        Self {
            all: Mutex::default(),
            version,
        }
    }

    /// By the certificates as they are now.
    ///
    /// # Errors
    /// With a sentence, without anything secret.
    pub(super) async fn of<P: Platform>(
        &self,
        platform: &P,
        workload: &WorkloadId,
        access: &Access,
    ) -> Result<Pool<B>, String> {
        let mut trust = Trust::default();
        if let Some(ca) = &access.ca {
            trust.ca = Some(read(platform, workload, ca).await?);
        }
        if let Some((certificate, key)) = &access.identity {
            let certificate = read(platform, workload, certificate).await?;
            trust.identity = Some((certificate, read(platform, workload, key).await?));
        }
        if let Some(pool) = self.all.lock().get(&trust) {
            return Ok(pool.clone());
        }
        let pool = self.open(&trust)?;
        let mut pools = self.all.lock();
        if pools.len() >= MOST_POOLS {
            pools.clear();
        }
        pools.insert(trust, pool.clone());
        Ok(pool)
    }

    fn open(&self, trust: &Trust) -> Result<Pool<B>, String> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(config(trust)?)
            .https_or_http();
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE);
        Ok(match self.version {
            Version::Http1 => builder.build(https.enable_http1().wrap_connector(tcp)),
            Version::Http2 => builder
                .http2_only(true)
                .http2_keep_alive_interval(ALIVE_EVERY)
                .build(https.enable_http2().wrap_connector(tcp)),
        })
    }
}

fn config(trust: &Trust) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    match &trust.ca {
        Some(pem) => {
            for certificate in certificates(pem, "ca")? {
                roots
                    .add(certificate)
                    .map_err(|error| format!("its tls.ca can't be used: {error}"))?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    let Some((certificate, key)) = &trust.identity else {
        return Ok(builder.with_no_client_auth());
    };
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|_| "its tls.key is not a private key as PEM".to_owned())?;
    builder
        .with_client_auth_cert(certificates(certificate, "certificate")?, key)
        .map_err(|error| format!("its tls.certificate can't be used with its key: {error}"))
}

fn certificates(pem: &[u8], field: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    all.ok()
        .filter(|all| !all.is_empty())
        .ok_or_else(|| format!("its tls.{field} has no certificate; PEM is wanted"))
}
