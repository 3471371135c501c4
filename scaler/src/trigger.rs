//! Sources of demand other than HTTP that have to be asked: each is read to a value or an error, again and again, by the leader only.
//!
//! [`poll`] asks, [`Platform`](crate::platform::Platform) gives what only it can (credentials, numbers of pods), and the controller keeps
//! the last good value for as long as it is worth something.

mod access;
mod allowed;
mod credential;
mod document;
mod exposition;
mod external;
mod metrics_api;
mod percent;
mod poll;
mod pools;
mod prometheus;
mod push;
mod sqs;
#[cfg(test)]
mod tests;
pub mod wire;

use std::sync::Arc;

use rouse_api::workload::{Asked, Polled, WorkloadId};

use crate::platform::Platform;
use access::Http;

pub use allowed::{Allowed, AllowedUrl};
pub(crate) use poll::Poller;

/// What reading needs, for all triggers.
#[derive(Debug)]
pub(crate) struct Context<P> {
    pub(crate) platform: Arc<P>,
    http: Http,
    external: external::Clients,
    queues: sqs::Clients,
    allowed: Allowed,
}

impl<P: Platform> Context<P> {
    pub(crate) fn new(platform: Arc<P>, allowed: Allowed) -> Self {
        Self {
            platform,
            http: Http::default(),
            external: external::Clients::default(),
            queues: sqs::Clients::default(),
            allowed,
        }
    }

    /// The value, or why there is none: a sentence, without anything secret. `pushed`: its source has just said that there is something to
    /// do. Has no deadline of its own.
    async fn read(
        &self,
        workload: &WorkloadId,
        polled: &Polled,
        pushed: bool,
    ) -> Result<f64, String> {
        match &polled.of {
            Asked::Nobody(why) => Err(why.clone()),
            Asked::MetricsApi(api) => metrics_api::read(self, workload, api).await,
            Asked::External(external) => external::read(self, workload, external, pushed).await,
            Asked::Prometheus(query) => prometheus::read(self, workload, query).await,
            Asked::Sqs(queue) => sqs::read(self, workload, queue).await,
            Asked::Usage(usage) => self.platform.usage(workload, usage, polled.target).await,
            Asked::Pods(labels) => {
                let count = self.platform.pods(workload.namespace(), labels);
                count
                    .map(f64::from)
                    .ok_or_else(|| "there are no pods here".to_owned())
            }
        }
    }
}
