//! Makes keys and certificates.

use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, date_time_ymd,
};

use super::certificate::{Certificate, SKEW, between, later};

/// A certificate with its key.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) certificate: Certificate,
    /// As PEM.
    pub(super) key: String,
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Pair").field(&self.certificate).finish()
    }
}

/// Whose certificate it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// It is looked for by this name, and connects to nobody.
    Scaler,
    /// It connects, and nobody to it: with its key one can't pose as a scaler.
    Proxies,
}

impl Pair {
    /// What was written somewhere.
    ///
    /// # Errors
    /// Says what is wrong, the key's fault or that it is another's.
    pub(super) fn read(certificate: Certificate, key: String) -> Result<Self, String> {
        let parsed = KeyPair::from_pem(&key).map_err(|error| error.to_string())?;
        if parsed.subject_public_key_info() != certificate.public_key() {
            return Err("the key of another certificate".to_owned());
        }
        Ok(Self { certificate, key })
    }

    /// A new authority, which has signed itself.
    ///
    /// # Errors
    /// Keys or certificates can't be made.
    pub(super) fn authority(now: Timestamp, lifetime: Duration) -> Result<Self, String> {
        // Two are told apart by it.
        let mut params = params(&format!("rouse-link {now:.0}"), now, later(now, lifetime));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(told)?;
        let certificate = params.self_signed(&key).map_err(told)?;
        Self::made(certificate, &key)
    }

    /// A new certificate, signed by this authority. It ends with it at the latest.
    ///
    /// # Errors
    /// As above.
    pub(super) fn sign(
        &self,
        whose: Whose,
        now: Timestamp,
        lifetime: Duration,
    ) -> Result<Self, String> {
        let (name, usage) = match whose {
            Whose::Scaler => ("rouse-scaler", ExtendedKeyUsagePurpose::ServerAuth),
            Whose::Proxies => ("rouse-proxy", ExtendedKeyUsagePurpose::ClientAuth),
        };
        let until = later(now, lifetime).min(self.certificate.until());
        let mut params = params(name, now, until);
        params.subject_alt_names = CertificateParams::new([name.to_owned()])
            .map_err(told)?
            .subject_alt_names;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        let signing = KeyPair::from_pem(&self.key).map_err(told)?;
        let issuer = Issuer::from_ca_cert_pem(&self.certificate.pem(), signing).map_err(told)?;
        let key = KeyPair::generate().map_err(told)?;
        let certificate = params.signed_by(&key, &issuer).map_err(told)?;
        Self::made(certificate, &key)
    }

    fn made(certificate: rcgen::Certificate, key: &KeyPair) -> Result<Self, String> {
        Ok(Self {
            certificate: Certificate::new(certificate.into())?,
            key: key.serialize_pem(),
        })
    }
}

fn params(name: &str, now: Timestamp, until: Timestamp) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let since_epoch = |time| date_time_ymd(1970, 1, 1) + between(Timestamp::UNIX_EPOCH, time);
    params.not_after = since_epoch(until);
    params.not_before = since_epoch(now) - SKEW;
    params
}

fn told(error: rcgen::Error) -> String {
    format!("can't make a certificate: {error}")
}
