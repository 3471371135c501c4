//! A zero that a person wants against one that Rouse made.

use std::sync::Arc;

use super::object::Recorded;
use super::target::{Target, Writer};

/// What is known of a target's count over time.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Hand {
    /// Of which object.
    uid: Arc<str>,
    /// It was seen above zero since.
    up: bool,
    /// Another took it to zero while the workload had this generation.
    stopped: Option<i64>,
    /// It was stopped and the workload has changed since: this zero is sleep.
    forgiven: bool,
}

impl Hand {
    /// Looks at a count of which the writer is known.
    pub(super) fn update(&mut self, target: &Target, generation: i64, recorded: &Recorded) {
        if self.uid != target.uid {
            let known = !self.uid.is_empty();
            // A target that was made anew has no past: what the status tells is another's.
            *self = Self {
                uid: target.uid.clone(),
                forgiven: known,
                ..Self::default()
            };
        }
        if target.count.replicas > 0 {
            (self.up, self.stopped, self.forgiven) = (true, None, false);
            return;
        }
        if target.writer == Writer::Unknown {
            return;
        }
        if !is_foreign(target) {
            (self.up, self.stopped) = (false, None);
            return;
        }
        if let Some(stopped) = self.stopped {
            if stopped != generation {
                (self.stopped, self.forgiven) = (None, true);
            }
            return;
        }
        let up = std::mem::take(&mut self.up);
        let told = recorded.stopped.is_some_and(|at| at != generation);
        if self.forgiven || (told && !up) {
            self.forgiven = true;
            return;
        }
        let was_up = up || recorded.replicas.is_some_and(|count| count > 0);
        if was_up || recorded.stopped.is_some() {
            self.stopped = Some(generation);
        }
    }

    /// Another scaler has the target: whatever count it writes is no person's, also once it is gone.
    pub(super) fn ruled(&mut self, target: &Target) {
        *self = Self {
            uid: target.uid.clone(),
            up: target.count.replicas > 0,
            stopped: None,
            forgiven: target.count.replicas == 0,
        };
    }

    /// It was above zero, though the count that stands is newer.
    pub(super) fn was_up(&mut self, uid: &Arc<str>) {
        if self.uid == *uid {
            self.up = true;
        }
    }

    /// It stays at zero.
    #[must_use]
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.is_some()
    }
}

/// A zero that isn't Rouse's. Rouse applies its own, so that it is told; a count that was changed to zero through the scale subresource
/// in any other way has no owner. Objects of custom kinds can't be applied to there: of these an unowned zero tells nothing.
fn is_foreign(target: &Target) -> bool {
    match target.writer {
        Writer::Ours | Writer::Unknown => false,
        Writer::Other(_) => true,
        Writer::Nobody => target.key.is_built_in(),
    }
}
