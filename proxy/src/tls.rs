//! TLS towards replicas: certificates from files, taken anew when they change, and peers checked by name or by their SPIFFE identity.
//!
//! Each connection is a full handshake: a resumed one would not check the peer, nor whether it is still to be believed.

mod files;
mod verify;

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rouse_api::link::EndpointId;
use rouse_api::workload::{Protocol, Tls, TlsFiles, WorkloadId};
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use files::{Material, Source};
use verify::{Expected, Verifier};

/// Between two looks at files, at most when a connection is opened.
pub(crate) const RELOAD_EVERY: Duration = Duration::from_secs(5);

/// Where keys for replicas are.
#[derive(Debug, Clone, Default)]
pub struct UpstreamTls {
    /// Of the mesh; `None`: workloads with `tls: mesh` can't be dialled.
    pub mesh: Option<MeshFiles>,
    /// The folder of each namespace's own files, in a folder of its name; `None`: workloads with `tls: {ca: ...}` can't be dialled.
    pub folder: Option<PathBuf>,
    /// Between two looks at files; `None`: 5 s.
    pub reload_every: Option<Duration>,
}

/// The mesh's PEM files for this proxy.
#[derive(Debug, Clone)]
pub struct MeshFiles {
    /// Authorities that are believed.
    pub ca: PathBuf,
    /// The own certificate, with those in between.
    pub certificate: PathBuf,
    /// The own key.
    pub key: PathBuf,
    /// Of all identities, e.g. `cluster.local`.
    pub trust_domain: String,
}

/// Why there is no TLS connection.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("can't read {path}: {problem}")]
    Read { path: PathBuf, problem: String },
    #[error("{path}: {problem}")]
    Content { path: PathBuf, problem: String },
    #[error("this proxy has no {0}")]
    NotConfigured(&'static str),
    #[error("it is not known which service account the replica runs as")]
    NoIdentity,
    #[error("{0}")]
    Handshake(String),
}

/// What all workloads share.
#[derive(Debug)]
pub(crate) struct TlsStore {
    mesh: Option<(Source, String)>,
    folder: Option<PathBuf>,
    reload_every: Duration,
}

/// One workload's way to speak TLS.
#[derive(Debug)]
pub(crate) struct WorkloadTls {
    kind: Kind,
    namespace: Box<str>,
    store: Arc<TlsStore>,
}

#[derive(Debug)]
enum Kind {
    Mesh,
    Files(Box<Files>),
}

/// Files of the workload's own, or why there are none, and the name that a replica must have.
#[derive(Debug)]
struct Files {
    source: Result<Source, TlsError>,
    name: ServerName<'static>,
}

impl Kind {
    fn files(source: Result<Source, TlsError>, name: ServerName<'static>) -> Self {
        Self::Files(Box::new(Files { source, name }))
    }

    fn no_files(what: &'static str) -> Self {
        let nobody = ServerName::IpAddress(IpAddr::V4(Ipv4Addr::UNSPECIFIED).into());
        Self::files(Err(TlsError::NotConfigured(what)), nobody)
    }
}

/// Who is dialled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer<'a> {
    pub(crate) id: &'a EndpointId,
    pub(crate) service_account: Option<&'a str>,
}

impl TlsStore {
    pub(crate) fn new(config: &UpstreamTls) -> Self {
        let reload_every = config.reload_every.unwrap_or(RELOAD_EVERY);
        let mesh = |mesh: &MeshFiles| {
            let pair = Some((mesh.certificate.clone(), mesh.key.clone()));
            let source = Source::new(mesh.ca.clone(), pair, reload_every);
            (source, mesh.trust_domain.clone())
        };
        Self {
            mesh: config.mesh.as_ref().map(mesh),
            folder: config.folder.clone(),
            reload_every,
        }
    }

    /// `None`: plain text.
    pub(crate) fn of(self: &Arc<Self>, id: &WorkloadId, tls: &Tls) -> Option<WorkloadTls> {
        let kind = match tls {
            Tls::None => return None,
            Tls::Mesh => Kind::Mesh,
            Tls::Files(files) => self.files(id.namespace(), files),
        };
        Some(WorkloadTls {
            kind,
            namespace: id.namespace().into(),
            store: self.clone(),
        })
    }

    fn files(&self, namespace: &str, files: &TlsFiles) -> Kind {
        let Some(folder) = &self.folder else {
            return Kind::no_files("folder for certificates (--upstream-certs)");
        };
        // Both were checked where they were written, and once more here: what leads out of the folder is another's.
        let inside = |path: &str| {
            let harmless =
                |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains('\\');
            harmless(namespace) && path.split('/').all(harmless)
        };
        let (certificate, key) = files.client.clone().unzip();
        let paths = [Some(&files.ca), certificate.as_ref(), key.as_ref()];
        let name = ServerName::try_from(files.server_name.clone());
        let (true, Ok(name)) = (paths.into_iter().flatten().all(|path| inside(path)), name) else {
            return Kind::no_files("use for these paths or this name");
        };
        let at = |path: String| folder.join(namespace).join(path);
        let pair = certificate
            .zip(key)
            .map(|(certificate, key)| (at(certificate), at(key)));
        let source = Source::new(at(files.ca.clone()), pair, self.reload_every);
        Kind::files(Ok(source), name)
    }
}

impl WorkloadTls {
    /// Speaks TLS on a connection. The caller sets the deadline.
    pub(crate) async fn connect(
        &self,
        stream: TcpStream,
        peer: Peer<'_>,
        protocol: Protocol,
    ) -> Result<TlsStream<TcpStream>, TlsError> {
        let (material, expected, name) = match &self.kind {
            Kind::Files(files) => {
                let source = files.source.as_ref().map_err(Clone::clone)?;
                (source.current().await?, Expected::Name, files.name.clone())
            }
            Kind::Mesh => {
                let mesh = self.store.mesh.as_ref();
                let (source, trust) = mesh.ok_or(TlsError::NotConfigured(
                    "certificate of the mesh (--mesh-cert)",
                ))?;
                let account = peer.service_account.ok_or(TlsError::NoIdentity)?;
                let identity = format!("spiffe://{trust}/ns/{}/sa/{account}", self.namespace);
                // No name is sent: it is the identity that counts.
                let nobody = ServerName::IpAddress(IpAddr::V4(Ipv4Addr::UNSPECIFIED).into());
                (
                    source.current().await?,
                    Expected::Identity(identity),
                    nobody,
                )
            }
        };
        let mesh = matches!(self.kind, Kind::Mesh);
        let config = config(&material, expected, protocols(mesh, protocol))?;
        let connector = TlsConnector::from(Arc::new(config));
        let connected = connector.connect(name, stream).await;
        connected.map_err(|error| TlsError::Handshake(format!("{}: {error}", peer.id.0)))
    }
}

fn config(
    material: &Material,
    expected: Expected,
    alpn: Vec<Vec<u8>>,
) -> Result<ClientConfig, TlsError> {
    let verifier = Verifier::new(material.roots.clone(), expected);
    let builder = ClientConfig::builder_with_provider(verify::provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Handshake(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match &material.client {
        Some(client) => builder.with_client_cert_resolver(client.clone()),
        None => builder.with_no_client_auth(),
    };
    config.resumption = Resumption::disabled();
    config.alpn_protocols = alpn;
    Ok(config)
}

/// What is spoken inside. A mesh's proxies tell their own connections from others' by names of their own, which come first.
fn protocols(mesh: bool, protocol: Protocol) -> Vec<Vec<u8>> {
    let names: &[&str] = match (mesh, protocol) {
        (true, Protocol::H2c) => &["istio-h2", "istio", "h2"],
        (true, _) => &["istio-http/1.1", "istio", "http/1.1"],
        (false, Protocol::H2c) => &["h2"],
        (false, _) => &["http/1.1"],
    };
    names.iter().map(|name| name.as_bytes().to_vec()).collect()
}
