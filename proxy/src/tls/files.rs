//! From PEM files to what handshakes need; read again when they have changed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::client::ResolvesClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::TlsError;
use super::verify::provider;

/// Larger files are none of these.
const LARGEST: u64 = 1 << 20;

/// What handshakes need.
#[derive(Debug)]
pub(super) struct Material {
    pub(super) roots: Arc<RootCertStore>,
    pub(super) client: Option<Arc<dyn ResolvesClientCert>>,
}

/// Files, and what was in them.
#[derive(Debug)]
pub(super) struct Source {
    ca: PathBuf,
    pair: Option<(PathBuf, PathBuf)>,
    reload_every: Duration,
    known: Mutex<Option<Known>>,
}

#[derive(Debug)]
struct Known {
    looked: Instant,
    texts: Texts,
    material: Arc<Material>,
}

#[derive(Debug, PartialEq, Eq)]
struct Texts {
    ca: Vec<u8>,
    pair: Option<(Vec<u8>, Vec<u8>)>,
}

impl Source {
    pub(super) fn new(
        ca: PathBuf,
        pair: Option<(PathBuf, PathBuf)>,
        reload_every: Duration,
    ) -> Self {
        Self {
            ca,
            pair,
            reload_every,
            known: Mutex::new(None),
        }
    }

    /// What is in the files, looked at no more often than every so often. What can't be used leaves the earlier in force: files
    /// that were read while they were being replaced don't fit together, and the next look has them all.
    pub(super) async fn current(&self) -> Result<Arc<Material>, TlsError> {
        let mut known = self.known.lock().await;
        let now = Instant::now();
        if let Some(known) = &*known
            && now.saturating_duration_since(known.looked) < self.reload_every
        {
            return Ok(known.material.clone());
        }
        let fresh = self.look(known.as_ref()).await;
        match (fresh, &mut *known) {
            (Ok((texts, material)), known) => {
                *known = Some(Known {
                    looked: now,
                    texts,
                    material: material.clone(),
                });
                Ok(material)
            }
            (Err(error), Some(known)) => {
                tracing::warn!(%error, "keeping earlier certificates for replicas");
                known.looked = now;
                Ok(known.material.clone())
            }
            (Err(error), None) => Err(error),
        }
    }

    async fn look(&self, known: Option<&Known>) -> Result<(Texts, Arc<Material>), TlsError> {
        let texts = Texts {
            ca: read(&self.ca).await?,
            pair: match &self.pair {
                Some((certificate, key)) => Some((read(certificate).await?, read(key).await?)),
                None => None,
            },
        };
        if let Some(known) = known.filter(|known| known.texts == texts) {
            return Ok((texts, known.material.clone()));
        }
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&self.ca, &texts.ca)? {
            roots
                .add(certificate)
                .map_err(|error| content(&self.ca, &error))?;
        }
        let client = match (&self.pair, &texts.pair) {
            (Some((certificate, key)), Some((chain_text, key_text))) => {
                let chain = certificates(certificate, chain_text)?;
                let own = PrivateKeyDer::from_pem_slice(key_text)
                    .map_err(|error| content(key, &error))?;
                let own = CertifiedKey::from_der(chain, own, &provider())
                    .map_err(|error| content(certificate, &error))?;
                let client: Arc<dyn ResolvesClientCert> = Arc::new(SingleCertAndKey::from(own));
                Some(client)
            }
            _ => None,
        };
        let roots = Arc::new(roots);
        Ok((texts, Arc::new(Material { roots, client })))
    }
}

async fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |problem: String| TlsError::Read {
        path: path.to_owned(),
        problem,
    };
    let about = tokio::fs::metadata(path)
        .await
        .map_err(|error| failed(error.to_string()))?;
    if !about.is_file() || about.len() > LARGEST {
        return Err(failed("it is no file of certificates".to_owned()));
    }
    tokio::fs::read(path)
        .await
        .map_err(|error| failed(error.to_string()))
}

fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| content(path, &error))?;
    if certificates.is_empty() {
        return Err(content(path, &"no certificate in it; PEM is wanted"));
    }
    Ok(certificates)
}

fn content(path: &Path, problem: &dyn std::fmt::Display) -> TlsError {
    TlsError::Content {
        path: path.to_owned(),
        problem: problem.to_string(),
    }
}
