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
use x509_parser::certificate::X509Certificate;
use x509_parser::parse_x509_certificate;

/// In seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expiry {
    /// Of the own certificate and those between it and the CA, the first.
    own: i64,
    /// Of the authority that has signed it; of all that are believed the last, when none of them has.
    authority: i64,
}

impl Expiry {
    /// # Errors
    /// Says what can't be read as a certificate.
    pub(super) fn of(
        chain: &[CertificateDer<'_>],
        authorities: &[CertificateDer<'_>],
    ) -> Result<Self, String> {
        let (chain, authorities) = (parse(chain)?, parse(authorities)?);
        let end = |one: &X509Certificate<'_>| one.validity().not_after.timestamp();
        let issuer = chain.last().map(|last| last.issuer().as_raw());
        let signed = |one: &&X509Certificate<'_>| Some(one.subject().as_raw()) == issuer;
        let signer = authorities.iter().filter(signed).map(end).max();
        let last = authorities.iter().map(end).max();
        Ok(Self {
            own: chain.iter().map(end).min().unwrap_or_default(),
            authority: signer.or(last).unwrap_or_default(),
        })
    }
}

fn parse<'a>(certificates: &'a [CertificateDer<'_>]) -> Result<Vec<X509Certificate<'a>>, String> {
    let parse = |der: &'a CertificateDer<'_>| match parse_x509_certificate(der) {
        Ok((_, parsed)) => Ok(parsed),
        Err(error) => Err(format!("not a certificate: {error}")),
    };
    certificates.iter().map(parse).collect()
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
            "Until the link's certificates in use are over: the own one, and that of the authority that has signed it",
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
