use super::View;

/// What had been counted at a report.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Totals {
    in_flight: u128,
    held: u128,
    arrived: u64,
}

/// What has been counted since the last report.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Since {
    /// Request-seconds.
    pub(crate) in_flight: f64,
    /// Request-seconds.
    pub(crate) held: f64,
    pub(crate) arrived: u64,
}

impl Totals {
    /// The difference to the last call.
    pub(crate) fn take(&mut self, view: &View) -> Since {
        #[expect(clippy::cast_precision_loss, reason = "within a billionth")]
        let seconds = |nanos: u128| nanos as f64 / 1e9;
        let since = Since {
            in_flight: seconds(view.in_flight_total.saturating_sub(self.in_flight)),
            held: seconds(view.held_total.saturating_sub(self.held)),
            arrived: view.arrived.saturating_sub(self.arrived),
        };
        *self = Self {
            in_flight: view.in_flight_total,
            held: view.held_total,
            arrived: view.arrived,
        };
        since
    }
}
