use std::time::Duration;

/// How fast a count other than zero follows demand. Knative's knobs with Knative's defaults, but for `utilization`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Behavior {
    /// Demand is averaged over this. 6 s to 1 h.
    pub stable_window: Duration,
    /// A burst is seen over this. 1 s to `stable_window`.
    pub panic_window: Duration,
    /// A burst is when it asks for so many times what the ready replicas are for; as a factor, 1.1 to 10.
    pub panic_threshold: f64,
    /// A lower count must have been enough for this long. At most 1 h.
    pub scale_down_delay: Duration,
    /// Largest factor up on the ready replicas in one step. Above 1.
    pub max_scale_up_rate: f64,
    /// Largest factor down on the ready replicas in one step. Above 1.
    pub max_scale_down_rate: f64,
    /// What part of a replica's target is scaled for: above 0, at most 1.
    ///
    /// Knative's default is 0.7 because its target often is the hard limit as well, and a pod at its limit has no room for the next
    /// request. Here the two are two fields (`perReplica` and `limit`): what is written is what a replica gets.
    pub utilization: f64,
    /// No replica goes while there is any demand.
    pub when_idle: bool,
}

impl Behavior {
    /// A panic window, unless said, is this part of the stable one.
    pub const PANIC_PART: u32 = 10;

    /// The panic window of a stable window, unless said: a tenth of it, and no less than 1 s.
    #[must_use]
    pub fn panic_window_of(stable_window: Duration) -> Duration {
        (stable_window / Self::PANIC_PART).max(Duration::from_secs(1))
    }
}

impl Default for Behavior {
    fn default() -> Self {
        let stable_window = Duration::from_secs(60);
        Self {
            stable_window,
            panic_window: Self::panic_window_of(stable_window),
            panic_threshold: 2.0,
            scale_down_delay: Duration::ZERO,
            max_scale_up_rate: 1000.0,
            max_scale_down_rate: 2.0,
            utilization: 1.0,
            when_idle: false,
        }
    }
}
