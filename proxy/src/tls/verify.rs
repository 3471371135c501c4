//! Who the peer is: a chain to an authority that is believed, and then a name, or exactly one SPIFFE identity.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};
use webpki::EndEntityCert;

pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Who it must be.
#[derive(Debug)]
pub(super) enum Expected {
    /// The name that is dialled.
    Name,
    /// This SPIFFE identity, and no other beside it.
    Identity(String),
}

#[derive(Debug)]
pub(super) struct Verifier {
    roots: Arc<RootCertStore>,
    expected: Expected,
    provider: Arc<CryptoProvider>,
}

/// The certificate is another's.
#[derive(Debug, thiserror::Error)]
#[error("it is {found}, and {expected} was expected")]
struct OtherIdentity {
    expected: String,
    found: String,
}

impl Verifier {
    pub(super) fn new(roots: Arc<RootCertStore>, expected: Expected) -> Self {
        Self {
            roots,
            expected,
            provider: provider(),
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(
            &certificate,
            &self.roots,
            intermediates,
            now,
            algorithms,
        )?;
        match &self.expected {
            Expected::Name => verify_server_name(&certificate, server_name)?,
            Expected::Identity(expected) => is(end_entity, expected)?,
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

/// An X.509-SVID has exactly one URI (SPIFFE's X509-SVID, section 2), compared as it stands.
fn is(end_entity: &CertificateDer<'_>, expected: &str) -> Result<(), Error> {
    let certificate = EndEntityCert::try_from(end_entity)
        .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
    let names: Vec<&str> = certificate.valid_uri_names().collect();
    if names == [expected] {
        return Ok(());
    }
    let found: String = names.join(", ").chars().take(512).collect();
    let other = OtherIdentity {
        expected: expected.to_owned(),
        found: if found.is_empty() {
            "nobody by SPIFFE".to_owned()
        } else {
            found
        },
    };
    Err(Error::InvalidCertificate(CertificateError::Other(
        OtherError(Arc::new(other)),
    )))
}
