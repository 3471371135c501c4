use std::path::PathBuf;

use rouse_proxy::{MeshFiles, UpstreamTls};

/// Keys for replicas that are dialled over TLS: PEM files, read again when they change.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "TLS to replicas")]
pub(crate) struct UpstreamTlsArgs {
    /// Certificates of the mesh's authorities, for workloads with `upstream: {tls: mesh}`
    #[arg(long, env = "ROUSE_MESH_CA", value_name = "FILE", requires_all = ["mesh_cert", "mesh_key"])]
    mesh_ca: Option<PathBuf>,
    /// The mesh's certificate for this proxy, with those in between
    #[arg(
        long,
        env = "ROUSE_MESH_CERT",
        value_name = "FILE",
        requires = "mesh_ca"
    )]
    mesh_cert: Option<PathBuf>,
    /// The key to it
    #[arg(
        long,
        env = "ROUSE_MESH_KEY",
        value_name = "FILE",
        requires = "mesh_ca"
    )]
    mesh_key: Option<PathBuf>,
    /// The trust domain of all identities in the mesh
    #[arg(
        long,
        env = "ROUSE_MESH_TRUST_DOMAIN",
        value_name = "DOMAIN",
        default_value = "cluster.local"
    )]
    mesh_trust_domain: String,
    /// A folder with a folder for each namespace, for workloads with `upstream: {tls: {ca: ...}}`
    #[arg(long, env = "ROUSE_UPSTREAM_CERTS", value_name = "FOLDER")]
    upstream_certs: Option<PathBuf>,
}

impl UpstreamTlsArgs {
    pub(crate) fn config(&self) -> UpstreamTls {
        let mesh = match (&self.mesh_ca, &self.mesh_cert, &self.mesh_key) {
            (Some(ca), Some(certificate), Some(key)) => Some(MeshFiles {
                ca: ca.clone(),
                certificate: certificate.clone(),
                key: key.clone(),
                trust_domain: self.mesh_trust_domain.clone(),
            }),
            _ => None,
        };
        UpstreamTls {
            mesh,
            folder: self.upstream_certs.clone(),
            reload_every: None,
        }
    }
}
