//! One certificate, as far as it matters here.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pem::{EncodeConfig, LineEnding, Pem};
use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_parser::parse_x509_certificate;

/// Certificates begin so much before they are made, for clocks that are behind.
pub(super) const SKEW: Duration = Duration::from_secs(5 * 60);

const TAG: &str = "CERTIFICATE";

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Certificate {
    der: CertificateDer<'static>,
    from: Timestamp,
    until: Timestamp,
    public_key: Vec<u8>,
    authority: bool,
}

impl Certificate {
    /// From its DER.
    ///
    /// # Errors
    /// Says what is wrong.
    pub(super) fn new(der: CertificateDer<'static>) -> Result<Self, String> {
        let (_, parsed) =
            parse_x509_certificate(&der).map_err(|error| format!("not a certificate: {error}"))?;
        let time = |seconds| {
            Timestamp::from_second(seconds).map_err(|error| format!("not a certificate: {error}"))
        };
        let validity = parsed.validity();
        let (from, until) = (
            time(validity.not_before.timestamp())?,
            time(validity.not_after.timestamp())?,
        );
        let (public_key, authority) = (parsed.public_key().raw.to_vec(), parsed.is_ca());
        Ok(Self {
            der,
            from,
            until,
            public_key,
            authority,
        })
    }

    /// All in a PEM text.
    ///
    /// # Errors
    /// Says what is wrong.
    pub(super) fn read_all(text: &[u8]) -> Result<Vec<Self>, String> {
        let parts = pem::parse_many(text).map_err(|error| format!("not PEM: {error}"))?;
        let certificates = parts.into_iter().map(|part| match part.tag() {
            TAG => Self::new(CertificateDer::from(part.into_contents())),
            other => Err(format!("a {other} where a certificate should be")),
        });
        certificates.collect()
    }

    /// The only one in a PEM text.
    ///
    /// # Errors
    /// Says what is wrong.
    pub(super) fn read(text: &[u8]) -> Result<Self, String> {
        let mut all = Self::read_all(text)?;
        match (all.pop(), all.len()) {
            (Some(one), 0) => Ok(one),
            (_, others) => Err(format!("{others} certificates where one should be")),
        }
    }

    pub(super) fn pem(&self) -> String {
        let config = EncodeConfig::new().set_line_ending(LineEnding::LF);
        pem::encode_config(&Pem::new(TAG, self.der.to_vec()), config)
    }

    pub(super) fn until(&self) -> Timestamp {
        self.until
    }

    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.until <= now
    }

    pub(super) fn is_authority(&self) -> bool {
        self.authority
    }

    /// Of its key: `SubjectPublicKeyInfo`, DER.
    pub(super) fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// After two thirds of its life, or of the one that it would be given today.
    pub(super) fn renewal(&self, lifetime: Duration) -> Timestamp {
        let made = later(self.from, SKEW);
        let life = between(made, self.until).min(lifetime);
        later(made, life * 2 / 3)
    }

    /// Whether the authority has signed it, whatever time it is.
    pub(super) fn is_signed_by(&self, authority: &Self) -> bool {
        let Ok(anchor) = anchor_from_trusted_cert(&authority.der) else {
            return false;
        };
        let Ok(certificate) = EndEntityCert::try_from(&self.der) else {
            return false;
        };
        let at = UnixTime::since_unix_epoch(between(Timestamp::UNIX_EPOCH, self.until));
        let usages = [KeyUsage::server_auth(), KeyUsage::client_auth()];
        usages.into_iter().any(|usage| {
            let algorithms = webpki::ALL_VERIFICATION_ALGS;
            let anchors = std::slice::from_ref(&anchor);
            let verified =
                certificate.verify_for_usage(algorithms, anchors, &[], at, usage, None, None);
            verified.is_ok()
        })
    }
}

/// `at` and so much more.
pub(super) fn later(at: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// Nothing when `to` is before `from`.
pub(super) fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or(Duration::ZERO)
}
