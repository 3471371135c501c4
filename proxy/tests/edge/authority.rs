//! Certificates for tests.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};

/// An authority of a test's own.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// Certificate and key, PEM.
pub(crate) type Pair = (String, String);

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its certificate.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// For names of DNS and URIs; `tune` has the last word.
    pub(crate) fn issue(&self, names: &[&str], tune: impl FnOnce(&mut CertificateParams)) -> Pair {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        for name in names {
            let text = (*name).try_into().unwrap();
            params.subject_alt_names.push(if name.contains("://") {
                SanType::URI(text)
            } else {
                SanType::DnsName(text)
            });
        }
        tune(&mut params);
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

/// As `ca.crt`, `tls.crt` and `tls.key`, each at once.
pub(crate) fn write(folder: &Path, ca: &str, (certificate, key): &Pair) {
    for (name, text) in [("ca.crt", ca), ("tls.crt", certificate), ("tls.key", key)] {
        let new = folder.join("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(&new, folder.join(name)).unwrap();
    }
}
