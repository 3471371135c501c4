//! The link's certificates, made and renewed by the scalers themselves.
//!
//! Two Secrets hold what must be shared. `NAME-link-ca`: the authority that signs, with its key, the one that will sign next, and
//! those that have signed before. `NAME-proxy-link`: what proxies mount, a certificate of theirs with its key and the bundle of
//! authorities. Each scaler signs a certificate of its own, in memory.
//!
//! Every scaler looks at both regularly and does what [`plan`] says is due, whoever leads: a write is refused when another was
//! faster, and then all is read again. A new authority is first believed, and signs only when everybody has had the time to hear
//! of it; an old one is believed until it is over, and nothing that it has signed outlives it.

mod certificate;
mod issue;
mod keeper;
mod plan;
mod secrets;
mod step;
mod store;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;
use kube::Client;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use keeper::Keeper;
use store::KubeStore;

/// Between two looks at the Secrets, unless the overlap is so short that more are needed.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Which Secrets, and how long what is in them is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificatesConfig {
    /// Where they are: the scalers' and proxies' namespace.
    pub namespace: String,
    /// What their names begin with.
    pub name: String,
    /// How long everything lasts.
    pub lifetimes: Lifetimes,
}

/// How long everything lasts. All is renewed after two thirds of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// A scaler's or proxies' certificate.
    pub certificate: Duration,
    /// An authority.
    pub authority: Duration,
    /// From the moment that a new authority is in the bundle to its first signature: longer than volumes of Pods take to be
    /// refreshed and scalers to look.
    pub overlap: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        Self {
            certificate: DAY * 90,
            authority: DAY * 365,
            overlap: Duration::from_secs(60 * 60),
        }
    }
}

/// What a scaler shows and believes on the link, as PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Made {
    /// The authorities that are believed.
    pub ca: String,
    /// This scaler's certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

impl std::fmt::Debug for Made {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Made").finish_non_exhaustive()
    }
}

/// How things stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// What is to be used now; nothing before both Secrets are there.
    pub made: Option<Made>,
    /// Why the last look at the Secrets did not end well.
    pub problem: Option<String>,
}

/// Looks after both Secrets until `stop`. `rouse_scaler_link_renewal_failures` is added to `registry`.
#[must_use]
pub fn run(
    client: Client,
    config: &CertificatesConfig,
    registry: &mut Registry,
    stop: CancellationToken,
) -> watch::Receiver<State> {
    let failures = Counter::default();
    registry.register(
        "rouse_scaler_link_renewal_failures",
        "Looks at the link's certificates that ended with one that could not be read, made or renewed",
        failures.clone(),
    );
    let store = KubeStore::new(client, config);
    let (keeper, state) = Keeper::new(store, config.lifetimes, failures, Timestamp::now);
    tokio::spawn(async move { stop.run_until_cancelled(keeper.run()).await });
    state
}
