use std::net::SocketAddr;
use std::time::Duration;

use rouse_api::link::Term;

/// A proxy's links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkStatus {
    /// Every address that is tried or connected.
    pub scalers: Vec<ScalerStatus>,
    /// Whether there has been no source for so long that the proxy was told so.
    pub unlinked: bool,
}

/// One scaler, as seen over its link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScalerStatus {
    /// Where.
    pub address: SocketAddr,
    /// What it calls itself, once it was connected.
    pub name: String,
    /// How far it is.
    pub state: ConnectionState,
    /// For how long.
    pub since: Duration,
    /// The term it leads in, as it says.
    pub leads: Option<Term>,
    /// Whether its word counts.
    pub source: bool,
    /// Why the last try failed, while it is not connected.
    pub error: Option<String>,
}

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConnectionState {
    /// Not connected: being tried, or waiting for the next try.
    Connecting,
    /// Connected; its snapshot is not yet whole.
    Syncing,
    /// All is known.
    Synced,
}
