//! From keys as PEM to rustls' configurations.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::expiry::Expiry;
use super::{TlsError, TlsKeys, provider};

/// HTTP/2 and nothing else.
const ALPN: &[u8] = b"h2";

/// One side's way to make its configuration.
pub(super) type Build<T> = fn(&Parts) -> Result<T, TlsError>;

/// What errors call the keys.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) ca: String,
    pub(super) certificate: String,
    pub(super) key: String,
}

/// Keys, read.
pub(super) struct Parts {
    roots: RootCertStore,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    pub(super) expiry: Expiry,
    names: Names,
}

impl Parts {
    pub(super) fn read(names: &Names, keys: &TlsKeys) -> Result<Self, TlsError> {
        let authorities = certificates(&names.ca, &keys.ca)?;
        let chain = certificates(&names.certificate, &keys.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&keys.key)
            .map_err(|error| content(&names.key, &error))?;
        let expiry = Expiry::of(&chain, &authorities)
            .map_err(|problem| content(&names.certificate, &problem))?;
        let mut roots = RootCertStore::empty();
        for authority in authorities {
            let added = roots.add(authority);
            added.map_err(|error| content(&names.ca, &error))?;
        }
        Ok(Self {
            roots,
            chain,
            key,
            expiry,
            names: names.clone(),
        })
    }

    fn unusable(&self, problem: &dyn std::fmt::Display) -> TlsError {
        TlsError::Pair {
            certificate: self.names.certificate.clone(),
            problem: problem.to_string(),
        }
    }
}

pub(super) fn client(parts: &Parts) -> Result<ClientConfig, TlsError> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| parts.unusable(&error))?
        .with_root_certificates(parts.roots.clone())
        .with_client_auth_cert(parts.chain.clone(), parts.key.clone_key())
        .map_err(|error| parts.unusable(&error))?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}

pub(super) fn server(parts: &Parts) -> Result<ServerConfig, TlsError> {
    let roots = Arc::new(parts.roots.clone());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider())
        .build()
        .map_err(|error| content(&parts.names.ca, &error))?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| parts.unusable(&error))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(parts.chain.clone(), parts.key.clone_key())
        .map_err(|error| parts.unusable(&error))?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}

fn certificates(part: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| content(part, &error))?;
    if certificates.is_empty() {
        return Err(content(part, &"no certificate in it; PEM is wanted"));
    }
    Ok(certificates)
}

fn content(part: &str, problem: &dyn std::fmt::Display) -> TlsError {
    TlsError::Content {
        part: part.to_owned(),
        problem: problem.to_string(),
    }
}
