//! The link's certificates.

use rcgen::{BasicConstraints, CertificateParams, DnType, Error, IsCa, Issuer, KeyPair};

/// One authority and a pair for each side, as PEM.
pub(super) struct Issued {
    pub(super) ca: String,
    pub(super) scaler: Pair,
    pub(super) proxy: Pair,
}

pub(super) struct Pair {
    pub(super) certificate: String,
    pub(super) key: String,
}

pub(super) fn issue() -> Result<Issued, Error> {
    let mut parameters = CertificateParams::default();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters
        .distinguished_name
        .push(DnType::CommonName, "rouse-link");
    let key = KeyPair::generate()?;
    let ca = parameters.self_signed(&key)?.pem();
    let issuer = Issuer::new(parameters, key);
    Ok(Issued {
        ca,
        scaler: pair("rouse-scaler", &issuer)?,
        proxy: pair("rouse-proxy", &issuer)?,
    })
}

fn pair(name: &str, issuer: &Issuer<'_, KeyPair>) -> Result<Pair, Error> {
    let key = KeyPair::generate()?;
    let parameters = CertificateParams::new(vec![name.to_owned()])?;
    Ok(Pair {
        certificate: parameters.signed_by(&key, issuer)?.pem(),
        key: key.serialize_pem(),
    })
}
