//! What is written into `.status` of each ScaledWorkload: by the leader alone, only on change, and never faster than the API server bears.

mod desired;
mod keda;
mod sink;
mod writer;

use std::future::Future;
use std::time::Duration;

use rouse_api::link::Term;
use rouse_api::workload::WorkloadId;
use rouse_scaler::controller::WorkloadStatus;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::facts::Objects;
pub use desired::desired;
pub use sink::{KubeSink, Outcome, Sink};

/// How fast statuses are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Between the starts of two writes, whatever the objects.
    pub spacing: Duration,
    /// Between two writes of one object.
    pub each: Duration,
    /// Under way at once; 1 at least.
    pub at_once: usize,
    /// Before a write that failed is tried again.
    pub retry: Duration,
}

impl Default for Limits {
    /// 50 per second.
    fn default() -> Self {
        Self {
            spacing: Duration::from_millis(20),
            each: Duration::from_secs(1),
            at_once: 8,
            retry: Duration::from_secs(5),
        }
    }
}

/// What the scaler knows.
pub trait Scaled: Send + Sync + 'static {
    /// Of one workload; `None`: it knows none of that name.
    fn status(&self, id: &WorkloadId) -> impl Future<Output = Option<WorkloadStatus>> + Send;
}

/// Writes until `stop`, while `lead` has a term. Takes [`Objects::changed`]: what the scaler says has changed is to be told by
/// [`Objects::touch`], too. While another leads changes stay in `objects`, so that a new leader looks at every object that it has
/// not looked at before.
pub async fn run<S: Scaled, K: Sink>(
    objects: Objects,
    scaled: S,
    sink: K,
    limits: Limits,
    mut lead: watch::Receiver<Option<Term>>,
    stop: CancellationToken,
) {
    let work = async {
        while lead.wait_for(Option::is_some).await.is_ok() {
            let reign = writer::write(&objects, &scaled, &sink, limits);
            tokio::select! {
                never = reign => match never {},
                ended = lead.wait_for(Option::is_none) => if ended.is_err() { return },
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}
