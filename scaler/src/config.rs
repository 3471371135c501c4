use std::time::Duration;

use rouse_api::link::Term;

use crate::trigger::Allowed;

/// How the scaler behaves; the same for every workload.
#[derive(Debug, Clone, PartialEq)]
pub struct ScalerConfig {
    /// Every workload is looked at no less often than this.
    pub tick: Duration,
    /// After a wake's first replicas, so long until more are asked for: by then it shows how much is held.
    pub raise_after: Duration,
    /// For every proxy to answer a Quiesce.
    pub quiesce_timeout: Duration,
    /// For what is in flight on a replica that is to go.
    pub drain_timeout: Duration,
    /// A failed workload is tried again by a wake no sooner than this after it failed.
    pub failure_pause: Duration,
    /// A failed workload that must have replicas is tried again this long after it failed, without a wake.
    pub failure_retry: Duration,
    /// After the platform refused a count, so long until the next try.
    pub scale_retry: Duration,
    /// Replicas named as victims that are still there so long after, with no more replicas than there shall be, stay.
    pub settle_after: Duration,
    /// The term this scaler leads in from the start; `None`: it leads when it is told so.
    pub leads: Option<Term>,
    /// Which servers triggers may ask.
    pub triggers: Allowed,
    /// For all replicas to stop when the scaler shuts down; what is left is killed.
    pub shutdown_timeout: Duration,
}

impl Default for ScalerConfig {
    fn default() -> Self {
        Self {
            tick: Duration::from_secs(1),
            raise_after: Duration::from_millis(20),
            quiesce_timeout: Duration::from_secs(2),
            drain_timeout: Duration::from_secs(30),
            failure_pause: Duration::from_secs(5),
            failure_retry: Duration::from_secs(30),
            scale_retry: Duration::from_secs(1),
            settle_after: Duration::from_secs(1),
            leads: Some(0),
            triggers: Allowed::default(),
            shutdown_timeout: Duration::from_secs(35),
        }
    }
}
