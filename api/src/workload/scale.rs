use std::time::Duration;

use super::Behavior;

/// How many replicas a workload may have, and when it sleeps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// Never fewer. Zero: it may sleep.
    pub min: u32,
    /// Never more; at least 1 and at least `min`.
    pub max: u32,
    /// The smallest count other than zero: what a wake asks for at least. From 1 to `max`.
    pub on_wake: u32,
    /// What it begins with when it is seen for the first time; at most `max`. `None`: with what is there.
    pub initial: Option<u32>,
    /// Without any demand for this long the workload sleeps (when `min` is 0).
    pub idle_after: Duration,
    /// What becomes of the target when the workload is no more, in a cluster.
    pub on_delete: OnDelete,
    /// Nothing is scaled; what would have been is told.
    pub observes: bool,
    /// A changed pod template is started once while it is asleep.
    pub verify_changes: bool,
    /// How fast a count other than zero follows demand.
    pub behavior: Behavior,
}

/// What becomes of a target when its workload is no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnDelete {
    /// At least one replica, so that nobody is left asleep.
    #[default]
    Wake,
    /// Nothing.
    Keep,
    /// The count that was found at the start.
    Restore,
}

impl Default for Scale {
    fn default() -> Self {
        Self {
            min: 0,
            max: 10,
            on_wake: 1,
            initial: None,
            idle_after: Duration::from_secs(300),
            on_delete: OnDelete::default(),
            observes: false,
            verify_changes: false,
            behavior: Behavior::default(),
        }
    }
}
