use rouse_api::workload::Behavior;

use super::{Rule, State};

/// How far one step may lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reach {
    pub(super) down: u32,
    pub(super) up: u32,
}

impl Reach {
    /// With R the ready replicas and at least one: from `floor(R / down rate)`, R as the step began, to `ceil(R * up rate)`. Neither
    /// bound moves the count by itself: replicas that are lost or still to come don't make a rate lower it or raise it.
    pub(super) fn of(behavior: &Behavior, state: &State) -> Self {
        let ready = f64::from(state.capacity.ready.max(1));
        let step = f64::from(state.step_ready().max(1));
        let up = whole((ready * behavior.max_scale_up_rate).ceil());
        let down = whole((step / behavior.max_scale_down_rate).floor());
        Self {
            down: down.min(state.replicas),
            up: up.max(state.replicas),
        }
    }

    pub(super) fn within(self, asked: u32) -> u32 {
        asked.max(self.down).min(self.up)
    }

    /// What bound it.
    pub(super) fn rule(self, asked: u32, behavior: &Behavior) -> Rule {
        if asked > self.up {
            Rule::UpRate {
                rate: behavior.max_scale_up_rate,
            }
        } else if asked < self.down {
            Rule::DownRate {
                rate: behavior.max_scale_down_rate,
            }
        } else {
            Rule::Demand
        }
    }
}

/// A whole number as a count; past the largest it is the largest.
pub(super) fn whole(number: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to what fits"
    )]
    let count = number.clamp(0.0, f64::from(u32::MAX)) as u32;
    count
}
