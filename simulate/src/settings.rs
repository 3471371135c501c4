use std::time::Duration;

/// What is the same for every workload and every policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// From the moment a replica is asked for until it takes requests.
    pub start_up: Duration,
    /// Requests that a replica serves at once; others wait. It is Knative's `containerConcurrency`.
    pub capacity: u32,
    /// The part of `capacity` that policies scale for, above 0 and at most 1. Knative's default is 0.7.
    pub utilization: f64,
    /// Never fewer replicas. The HPA has at least one all the same.
    pub min: u32,
    /// Never more replicas.
    pub max: u32,
    /// Rouse's and Knative's smallest count other than zero.
    pub on_wake: u32,
    /// Rouse sleeps after this long without demand.
    pub idle_after: Duration,
    /// Rouse's and Knative's stable window.
    pub stable_window: Duration,
}

/// Settings that contradict themselves. The text says what would be right.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct SettingsError {
    /// Which one.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl Default for Settings {
    /// Idle for as long as Knative's stable window; everything else as Knative has it. Start-up and capacity are those of a small service.
    fn default() -> Self {
        Self {
            start_up: Duration::from_secs(3),
            capacity: 10,
            utilization: 0.7,
            min: 0,
            max: 50,
            on_wake: 1,
            idle_after: Duration::from_secs(60),
            stable_window: Duration::from_secs(60),
        }
    }
}

impl Settings {
    /// Requests per replica that policies scale for.
    #[must_use]
    pub fn target(&self) -> f64 {
        f64::from(self.capacity) * self.utilization
    }

    /// Replicas for so many requests at once, each with as many as it can take; no more than `max`.
    #[must_use]
    pub fn needed(&self, requests: u32) -> u32 {
        requests.div_ceil(self.capacity.max(1)).min(self.max)
    }

    /// Refuses what can't be simulated.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn validate(&self) -> Result<(), SettingsError> {
        let wrong = |field, problem| Err(SettingsError { field, problem });
        if self.capacity == 0 {
            return wrong("capacity", "must be at least 1");
        }
        if !(self.utilization > 0.0 && self.utilization <= 1.0) {
            return wrong("utilization", "must be above 0% and at most 100%");
        }
        if self.max == 0 || self.max < self.min {
            return wrong("max", "must be at least 1, and at least min");
        }
        if self.on_wake == 0 || self.on_wake > self.max {
            return wrong("onWake", "must be from 1 to max");
        }
        if !(Duration::from_secs(6)..=Duration::from_secs(3600)).contains(&self.stable_window) {
            return wrong("stableWindow", "must be from 6s to 1h");
        }
        if self.start_up > Duration::from_secs(86_400) {
            return wrong("startUp", "must be at most 24h");
        }
        Ok(())
    }
}
