//! The control plane's certificates and keys, made fresh for each testbed.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};

use super::kubeconfig;
use crate::error::Error;
use crate::network::{API_SERVICE, DOMAIN, MACHINE};

/// Files in a folder: `ca`, `serving`, `admin`, `controller-manager`, `scheduler`, `front-proxy` (`.crt` and `.key`), and
/// `service-account` (`.pub` and `.key`).
#[derive(Debug)]
pub(super) struct Certificates {
    folder: PathBuf,
}

/// Names and groups of the clients, as Kubernetes' own roles are bound to them.
const CLIENTS: [(&str, &str, Option<&str>); 4] = [
    ("admin", "testbed-admin", Some("system:masters")),
    ("controller-manager", "system:kube-controller-manager", None),
    ("scheduler", "system:kube-scheduler", None),
    ("front-proxy", "front-proxy", None),
];

impl Certificates {
    /// Makes all of them, and the kubeconfigs of the components, in `folder`.
    pub(super) fn make(folder: &Path) -> Result<Self, Error> {
        let certificates = Self {
            folder: folder.to_owned(),
        };
        let issuer = certificates.authority()?;
        certificates.signed("serving", serving()?, &issuer)?;
        for (name, user, group) in CLIENTS {
            certificates.signed(name, client(user, group), &issuer)?;
        }
        let key = KeyPair::generate()?;
        certificates.write("service-account.key", &key.serialize_pem())?;
        certificates.write("service-account.pub", &key.public_key_pem())?;
        for name in ["controller-manager", "scheduler"] {
            let config = kubeconfig::of(&certificates, name, kubeconfig::INSIDE);
            certificates.write(&format!("{name}.kubeconfig"), &kubeconfig::text(&config))?;
        }
        Ok(certificates)
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn authority(&self) -> Result<Issuer<'static, KeyPair>, Error> {
        let mut params = named("rouse-testbed");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        self.write("ca.crt", &certificate.pem())?;
        self.write("ca.key", &key.serialize_pem())?;
        Ok(Issuer::new(params, key))
    }

    fn signed(
        &self,
        name: &str,
        params: CertificateParams,
        issuer: &Issuer<'_, KeyPair>,
    ) -> Result<(), Error> {
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, issuer)?;
        self.write(&format!("{name}.crt"), &certificate.pem())?;
        self.write(&format!("{name}.key"), &key.serialize_pem())
    }

    fn write(&self, name: &str, contents: &str) -> Result<(), Error> {
        let path = self.file(name);
        fs::OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| std::io::Write::write_all(&mut file, contents.as_bytes()))
            .map_err(Error::io(path.display().to_string()))
    }
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn client(user: &str, group: Option<&str>) -> CertificateParams {
    let mut params = named(user);
    if let Some(group) = group {
        params
            .distinguished_name
            .push(DnType::OrganizationName, group);
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    params
}

/// For every name that the API server is called by, in and out of the cluster, and the other components' health.
fn serving() -> Result<CertificateParams, Error> {
    let names = [
        "localhost".to_owned(),
        "kubernetes".to_owned(),
        "kubernetes.default".to_owned(),
        "kubernetes.default.svc".to_owned(),
        format!("kubernetes.default.svc.{DOMAIN}"),
    ];
    let mut params = CertificateParams::new(names)?;
    params
        .distinguished_name
        .push(DnType::CommonName, "kube-apiserver");
    let addresses = [Ipv4Addr::LOCALHOST, API_SERVICE, MACHINE];
    let addresses = addresses.map(|address| SanType::IpAddress(IpAddr::V4(address)));
    params.subject_alt_names.extend(addresses);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}
