use std::time::Duration;

/// How many replicas a workload may have, and when it sleeps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// Never fewer. Zero: it may sleep.
    pub min: u32,
    /// Never more; at least 1 and at least `min`.
    pub max: u32,
    /// The smallest count other than zero: what a wake asks for at least. From 1 to `max`.
    pub on_wake: u32,
    /// Without any demand for this long the workload sleeps (when `min` is 0).
    pub idle_after: Duration,
}

impl Default for Scale {
    fn default() -> Self {
        Self {
            min: 0,
            max: 10,
            on_wake: 1,
            idle_after: Duration::from_secs(300),
        }
    }
}
