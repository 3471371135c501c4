//! TLS towards replicas.

/// How connections to replicas are protected.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Tls {
    /// Not at all.
    #[default]
    None,
    /// With the mesh's client certificate; the peer must be the replica's service account.
    Mesh,
    /// With these.
    Files(TlsFiles),
}

/// PEM files, each by its path in a folder of the proxy for the workload's namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Whom to trust.
    pub ca: String,
    /// The client's certificate, and its key.
    pub client: Option<(String, String)>,
    /// The name in the replicas' certificates.
    pub server_name: String,
}
