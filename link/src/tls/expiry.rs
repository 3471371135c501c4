//! When the certificates in force are over, as metrics.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};
use rustls::pki_types::CertificateDer;
use x509_parser::parse_x509_certificate;

/// In seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expiry {
    /// Of the own certificate and those between it and the CA, the first.
    own: i64,
    /// Of the authorities that are believed, the last.
    authority: i64,
}

impl Expiry {
    /// # Errors
    /// Says what can't be read as a certificate.
    pub(super) fn of(
        chain: &[CertificateDer<'_>],
        authorities: &[CertificateDer<'_>],
    ) -> Result<Self, String> {
        Ok(Self {
            own: ends(chain)?.into_iter().min().unwrap_or_default(),
            authority: ends(authorities)?.into_iter().max().unwrap_or_default(),
        })
    }
}

fn ends(certificates: &[CertificateDer<'_>]) -> Result<Vec<i64>, String> {
    let end = |certificate: &CertificateDer<'_>| match parse_x509_certificate(certificate) {
        Ok((_, parsed)) => Ok(parsed.validity().not_after.timestamp()),
        Err(error) => Err(format!("not a certificate: {error}")),
    };
    certificates.iter().map(end).collect()
}

/// Adds `rouse_link_certificate_expiry_seconds`, reckoned when it is asked for.
pub(super) fn register(registry: &mut Registry, expiry: Arc<ArcSwap<Expiry>>) {
    registry.register_collector(Box::new(Left(expiry)));
}

#[derive(Debug)]
struct Left(Arc<ArcSwap<Expiry>>);

impl Collector for Left {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut family = encoder.encode_descriptor(
            "rouse_link_certificate_expiry",
            "Until the link's certificates in use are over: the own one, and the last of the authorities that are believed",
            Some(&Unit::Seconds),
            MetricType::Gauge,
        )?;
        let (now, expiry) = (Timestamp::now().as_second(), self.0.load());
        for (certificate, end) in [("own", expiry.own), ("authority", expiry.authority)] {
            let labels = [("certificate", certificate)];
            ConstGauge::new(end.saturating_sub(now)).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
