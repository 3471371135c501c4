use std::time::Duration;

use rouse_api::link::MemberId;

use crate::tls::{SERVER_NAME, TlsConfig};

/// How a proxy reaches its scalers.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// `host:port`, each of which stands for all of its addresses (a headless Service).
    pub scalers: Vec<String>,
    /// Who this proxy is.
    pub member: MemberId,
    /// How connections are protected.
    pub tls: TlsConfig,
    /// The name that the scalers' certificates must have.
    pub server_name: String,
    /// When.
    pub timing: Timing,
}

impl ClientConfig {
    /// The defaults.
    #[must_use]
    pub fn new(scalers: Vec<String>, member: MemberId, tls: TlsConfig) -> Self {
        Self {
            scalers,
            member,
            tls,
            server_name: SERVER_NAME.to_owned(),
            timing: Timing::default(),
        }
    }
}

/// Intervals and deadlines of a proxy's links.
#[derive(Debug, Clone)]
pub struct Timing {
    /// For a name to be resolved.
    pub resolve: Duration,
    /// Between resolutions while something is not connected.
    pub resolve_unconnected: Duration,
    /// Between resolutions otherwise.
    pub resolve_connected: Duration,
    /// From dialling to the scaler's welcome.
    pub connect: Duration,
    /// The first pause before a connection is tried again; each is twice as long as the one before, less up to half at random.
    pub backoff_first: Duration,
    /// The longest.
    pub backoff_most: Duration,
    /// Between HTTP/2 pings.
    pub keepalive_interval: Duration,
    /// For the answer to one.
    pub keepalive_timeout: Duration,
    /// A connection on which a scaler says nothing for this long is given up.
    pub silence: Duration,
    /// Without a source for this long the proxy is told that it is unlinked.
    pub unlinked_after: Duration,
    /// A wake that is still repeated after this long goes to every scaler: the source may hang.
    pub wake_all_after: Duration,
    /// For the scalers to hear that this proxy leaves.
    pub leave: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            resolve: Duration::from_secs(5),
            resolve_unconnected: Duration::from_secs(2),
            resolve_connected: Duration::from_secs(10),
            connect: Duration::from_secs(5),
            backoff_first: Duration::from_millis(50),
            backoff_most: Duration::from_secs(2),
            keepalive_interval: Duration::from_secs(2),
            keepalive_timeout: Duration::from_secs(3),
            silence: Duration::from_secs(5),
            unlinked_after: Duration::from_secs(30),
            wake_all_after: Duration::from_millis(100),
            leave: Duration::from_secs(2),
        }
    }
}
