//! Which scaler leads: one holder of a `coordination.k8s.io/v1` Lease, for as long as it can renew it.
//!
//! [`election`] decides, without IO; this module carries its requests out and publishes what follows from the answers.

pub(crate) mod election;
mod reign;
mod store;
#[cfg(test)]
mod tests;

use std::time::Duration;

use kube::Client;
use rouse_api::link::Term;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use election::Timing;
use election::{Answer, Election, Request, Step};
pub use reign::Reign;
use store::{KubeStore, Store};

/// Between two attempts to give the lease back.
const RELEASE_RETRY: Duration = Duration::from_millis(100);

/// Which Lease, and who asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseConfig {
    /// The Lease's namespace.
    pub namespace: String,
    /// The Lease's name.
    pub name: String,
    /// Who asks, for people: the Pod's name. Something random is put behind it, so that a container that restarted is not
    /// taken for the one before it.
    pub identity: String,
    /// How long things take.
    pub timing: Timing,
    /// At the end: for giving the lease back, so that another need not wait for it to expire.
    pub release: Duration,
}

impl LeaseConfig {
    /// With the usual times.
    #[must_use]
    pub fn new(namespace: &str, name: &str, identity: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            identity: identity.to_owned(),
            timing: Timing::default(),
            release: Duration::from_secs(2),
        }
    }
}

/// Stands for election until `stop`, then gives the lease back.
///
/// The receiver has the term in which this process leads, and `None` while it does not; `None` comes before anybody else may lead.
/// A term is never 0, larger than each before it, and above those that others tell of in `known`: a Lease that was deleted has
/// forgotten them, and proxies don't hear a leader of a lower one. A leader that learns of a higher one goes on in one above it.
/// The sender is dropped when the lease was given back or could not be in time:
/// [`released`] waits for it. `reign` is kept up to date.
#[must_use]
pub fn run(
    client: Client,
    config: LeaseConfig,
    known: watch::Receiver<Term>,
    reign: Reign,
    stop: CancellationToken,
) -> watch::Receiver<Option<Term>> {
    let (publish, term) = watch::channel(None);
    let store = KubeStore::new(client, &config);
    tokio::spawn(async move {
        let identity = format!("{}_{:016x}", config.identity, fastrand::u64(..));
        let told = Told { publish, reign };
        campaign(&store, &identity, config.timing, &known, &stop, &told).await;
        told.end();
        let released = release(&store, &identity);
        if tokio::time::timeout(config.release, released)
            .await
            .is_err()
        {
            tracing::warn!(lease = config.name, "the lease could not be given back");
        }
    });
    term
}

/// Returns when [`run`] is over: nothing of it is under way any more.
pub async fn released(mut term: watch::Receiver<Option<Term>>) {
    while term.changed().await.is_ok() {}
}

async fn campaign<S: Store>(
    store: &S,
    identity: &str,
    timing: Timing,
    known: &watch::Receiver<Term>,
    stop: &CancellationToken,
    told: &Told,
) {
    let mut election = Election::new(identity, timing);
    let mut failing = false;
    loop {
        let now = Instant::now();
        election.know(*known.borrow());
        let step = election.step(now);
        told.tell(&election, now);
        let request = match step {
            Step::Send(request) => request,
            Step::Wait(until) => {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep_until(until) => continue,
                }
            }
        };
        // Never longer than the belief to lead: nothing but the answer to this request is waited for.
        let deadline = election.deadline(now);
        let answer = tokio::select! {
            () = stop.cancelled() => return,
            answer = tokio::time::timeout_at(deadline, ask(store, &request)) => answer,
        };
        let answer = answer.unwrap_or_else(|_| Answer::Failed("no answer in time".to_owned()));
        complain(&answer, &mut failing);
        election.answered(&request, answer, now, Instant::now(), fastrand::f64());
    }
}

async fn ask<S: Store>(store: &S, request: &Request) -> Answer {
    match request {
        Request::Get => store.get().await,
        Request::Write(claim) => store.write(claim).await,
    }
}

/// Those who must know.
struct Told {
    publish: watch::Sender<Option<Term>>,
    reign: Reign,
}

impl Told {
    fn tell(&self, election: &Election, now: Instant) {
        self.reign.set(election.until());
        self.say(election.term(now));
    }

    fn end(&self) {
        self.reign.set(None);
        self.publish.send_replace(None);
    }

    fn say(&self, term: Option<Term>) {
        self.publish.send_if_modified(|published| {
            let changed = *published != term;
            if changed {
                match term {
                    Some(term) => tracing::info!(term, "this scaler leads"),
                    None => tracing::info!("this scaler leads no longer"),
                }
                *published = term;
            }
            changed
        });
    }
}

/// Once per spell, not every half second of an outage.
fn complain(answer: &Answer, failing: &mut bool) {
    match answer {
        Answer::Failed(error) if !*failing => {
            *failing = true;
            tracing::warn!(error, "the lease can't be read or written");
        }
        Answer::Failed(_) => {}
        _ => *failing = false,
    }
}

/// Clears the holder if it is this process, whatever became of requests before.
async fn release<S: Store>(store: &S, identity: &str) {
    loop {
        match store.get().await {
            Answer::Found(record) if record.held_by(identity) => {
                if let Answer::Found(_) = store.write(&record.freed()).await {
                    return;
                }
            }
            Answer::Found(_) | Answer::Missing => return,
            Answer::Conflict | Answer::Failed(_) => {}
        }
        tokio::time::sleep(RELEASE_RETRY).await;
    }
}
