//! From PEM files to rustls' configurations.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::{TlsError, TlsFiles, provider};

/// HTTP/2 and nothing else.
const ALPN: &[u8] = b"h2";

/// The files' contents.
#[derive(PartialEq, Eq)]
pub(super) struct Pems {
    ca: Vec<u8>,
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Pems {
    pub(super) async fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        Ok(Self {
            ca: read(&files.ca).await?,
            certificate: read(&files.certificate).await?,
            key: read(&files.key).await?,
        })
    }
}

async fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    tokio::fs::read(path)
        .await
        .map_err(|source| TlsError::Read {
            path: path.to_owned(),
            source,
        })
}

pub(super) fn client(files: &TlsFiles, pems: &Pems) -> Result<ClientConfig, TlsError> {
    let (chain, key) = identity(files, pems)?;
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| pair(files, &error))?
        .with_root_certificates(roots(files, pems)?)
        .with_client_auth_cert(chain, key)
        .map_err(|error| pair(files, &error))?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}

pub(super) fn server(files: &TlsFiles, pems: &Pems) -> Result<ServerConfig, TlsError> {
    let (chain, key) = identity(files, pems)?;
    let roots = Arc::new(roots(files, pems)?);
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider())
        .build()
        .map_err(|error| content(&files.ca, &error))?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| pair(files, &error))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(|error| pair(files, &error))?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn identity(files: &TlsFiles, pems: &Pems) -> Result<Identity, TlsError> {
    let chain = certificates(&files.certificate, &pems.certificate)?;
    let key =
        PrivateKeyDer::from_pem_slice(&pems.key).map_err(|error| content(&files.key, &error))?;
    Ok((chain, key))
}

fn roots(files: &TlsFiles, pems: &Pems) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&files.ca, &pems.ca)? {
        roots
            .add(certificate)
            .map_err(|error| content(&files.ca, &error))?;
    }
    Ok(roots)
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

fn pair(files: &TlsFiles, problem: &dyn std::fmt::Display) -> TlsError {
    TlsError::Pair {
        certificate: files.certificate.clone(),
        problem: problem.to_string(),
    }
}
