use std::time::Duration;

use rouse_api::workload::{Behavior, Workload};

/// What one workload is scaled for, and within what bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Never fewer.
    pub min: u32,
    /// Never more.
    pub max: u32,
    /// The smallest count other than zero.
    pub on_wake: u32,
    /// Requests reach it: proxies have a say.
    pub requests: bool,
    /// Without demand for this long: zero (when `min` is 0).
    pub idle_after: Duration,
    /// Requests in flight and held per replica; absent: not scaled for.
    pub concurrency: Option<f64>,
    /// Requests in flight that a replica takes at most; absent: as many as come.
    pub limit: Option<f64>,
    /// Requests per second per replica; absent: not scaled for.
    pub request_rate: Option<f64>,
    /// How fast a count other than zero follows.
    pub behavior: Behavior,
}

impl Policy {
    /// A workload's policy.
    #[must_use]
    pub fn of(workload: &Workload) -> Self {
        let http = workload.http.as_ref();
        Self {
            min: workload.scale.min,
            max: workload.scale.max.max(1),
            on_wake: workload.scale.on_wake.max(1),
            requests: http.is_some(),
            idle_after: workload.scale.idle_after,
            concurrency: http.and_then(|http| http.concurrency_per_replica),
            limit: http
                .and_then(|http| http.concurrency_limit)
                .map(|limit| f64::from(limit.get())),
            request_rate: http.and_then(|http| http.request_rate_per_replica),
            behavior: workload.scale.behavior,
        }
    }

    /// The smallest count other than zero, within the bounds: what a wake starts with.
    #[must_use]
    pub fn least_awake(&self) -> u32 {
        self.on_wake.max(self.min).min(self.max)
    }
}
