mod contents;
mod plan;
mod race;
mod rotation;
mod store;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::watch;

use super::certificate::{Certificate, later};
use super::keeper::Keeper;
use super::secrets::{Authorities, Proxies};
use super::store::{Store, Which};
use super::{Lifetimes, Made, State};

const MINUTE: Duration = Duration::from_secs(60);

/// Short enough to be looked at minute by minute.
const LIFETIMES: Lifetimes = Lifetimes {
    certificate: Duration::from_secs(250 * 60),
    authority: Duration::from_secs(1000 * 60),
    overlap: Duration::from_secs(10 * 60),
};

/// An API server with two Secrets and a clock.
#[derive(Clone, Default)]
struct World(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    secrets: BTreeMap<Which, Secret>,
    version: u64,
    elapsed: Duration,
    /// Nothing can be read or written.
    down: bool,
    /// Writes that come before somebody else's: that one is refused.
    ahead: Vec<(Which, Secret)>,
    /// What is written is there, but the answer is lost.
    lost: bool,
    puts: usize,
}

impl World {
    fn now(&self) -> Timestamp {
        later(
            "2026-01-01T00:00:00Z".parse().unwrap(),
            self.0.lock().elapsed,
        )
    }

    fn pass(&self, time: Duration) {
        self.0.lock().elapsed += time;
    }

    fn secret(&self, which: Which) -> Secret {
        self.0.lock().secrets[&which].clone()
    }

    fn write(&self, which: Which, secret: Secret) {
        self.0.lock().write(which, secret);
    }

    fn take_away(&self, which: Which) {
        self.0.lock().secrets.remove(&which);
    }

    fn authorities(&self) -> Authorities {
        Authorities::read(&self.secret(Which::Authorities)).unwrap()
    }

    fn proxies(&self) -> Proxies {
        Proxies::read(&self.secret(Which::Proxies)).unwrap()
    }

    fn scaler(&self) -> Scaler {
        let clock = self.clone();
        let clock = Box::new(move || clock.now()) as Box<dyn Fn() -> Timestamp>;
        let (keeper, state) = Keeper::new(self.clone(), LIFETIMES, Counter::default(), clock);
        Scaler { keeper, state }
    }
}

impl Inner {
    fn write(&mut self, which: Which, mut secret: Secret) {
        self.version += 1;
        secret.metadata.resource_version = Some(self.version.to_string());
        self.secrets.insert(which, secret);
    }
}

impl Store for World {
    fn name(&self, which: Which) -> String {
        match which {
            Which::Authorities => "rouse/rouse-link-ca".to_owned(),
            Which::Proxies => "rouse/rouse-proxy-link".to_owned(),
        }
    }

    async fn get(&self, which: Which) -> Result<Option<Secret>, String> {
        let inner = self.0.lock();
        if inner.down {
            return Err("down".to_owned());
        }
        Ok(inner.secrets.get(&which).cloned())
    }

    async fn put(&self, which: Which, secret: Secret) -> Result<bool, String> {
        let mut inner = self.0.lock();
        if inner.down {
            return Err("down".to_owned());
        }
        for (which, secret) in std::mem::take(&mut inner.ahead) {
            inner.write(which, secret);
        }
        let there = inner.secrets.get(&which);
        let version = there.and_then(|secret| secret.metadata.resource_version.clone());
        if version != secret.metadata.resource_version {
            return Ok(false);
        }
        inner.write(which, secret);
        inner.puts += 1;
        if std::mem::take(&mut inner.lost) {
            return Err("no answer".to_owned());
        }
        Ok(true)
    }
}

/// A scaler, as far as certificates go.
struct Scaler {
    keeper: Keeper<World, Box<dyn Fn() -> Timestamp>>,
    state: watch::Receiver<State>,
}

impl Scaler {
    async fn look(&mut self) -> Result<Timestamp, String> {
        self.keeper.look().await
    }

    fn made(&self) -> Made {
        self.state.borrow().made.clone().expect("it has been made")
    }

    fn side(&self) -> Side {
        let made = self.made();
        Side {
            bundle: Certificate::read_all(made.ca.as_bytes()).unwrap(),
            own: Certificate::read(made.certificate.as_bytes()).unwrap(),
        }
    }
}

/// What one end of the link shows and believes.
#[derive(Debug, Clone, PartialEq)]
struct Side {
    bundle: Vec<Certificate>,
    own: Certificate,
}

impl Side {
    /// As proxies would read it now.
    fn proxies(world: &World) -> Self {
        let proxies = world.proxies();
        Self {
            bundle: proxies.bundle,
            own: proxies.pair.certificate,
        }
    }

    fn believes(&self, other: &Self, now: Timestamp) -> bool {
        let signed = |authority: &Certificate| other.own.is_signed_by(authority);
        !other.own.is_over(now) && self.bundle.iter().any(signed)
    }
}

fn believe_each_other(one: &Side, other: &Side, now: Timestamp) -> bool {
    one.believes(other, now) && other.believes(one, now)
}

/// The Secret with one entry changed.
fn with(mut secret: Secret, entry: &str, text: &str) -> Secret {
    let data = secret.data.get_or_insert_default();
    data.insert(entry.to_owned(), ByteString(text.as_bytes().to_vec()));
    secret
}
