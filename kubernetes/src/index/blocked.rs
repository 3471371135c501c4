//! Why nothing may be scaled.

use rouse_api::link::Failure;

use super::event::Key;
use super::kinds::unknown;
use super::object::Object;
use super::target::{PAUSED, TargetKey, Writer};
use super::{Entry, Index};
use crate::facts::Governor;
use crate::origin::Origin;

impl Index {
    /// Set while a workload may be scaled neither down nor by a wake.
    pub(super) fn blocked(&self, entry: &Entry) -> Option<Failure> {
        let target = entry.target.as_ref()?;
        self.paused(entry, target)
            .or_else(|| self.owned_elsewhere(entry, target))
            .or_else(|| self.not_found(target))
            .or_else(|| self.stopped_by_hand(entry, target))
    }

    fn paused(&self, entry: &Entry, target: &TargetKey) -> Option<Failure> {
        let who = if entry.object.paused {
            format!("ScaledWorkload {}", entry.object.key)
        } else if self.targets.get(target).is_some_and(|target| target.paused) {
            target.to_string()
        } else {
            return None;
        };
        Some(failure(
            "Paused",
            format!(
                "{who} carries the annotation {PAUSED}: \"true\": it is not scaled until that is removed"
            ),
        ))
    }

    fn owned_elsewhere(&self, entry: &Entry, target: &TargetKey) -> Option<Failure> {
        if let Some(keda) = self.kedas.of(target).find(|keda| !keda.paused) {
            return Some(failure(
                "OwnedElsewhere",
                format!(
                    "{target} is scaled by KEDA's ScaledObject {}; delete or pause that, for two would undo each other's work",
                    keda.key
                ),
            ));
        }
        if entry.object.origin != Origin::ScaledWorkload
            && let Some(hpa) = self.hpas.of(target).find(|hpa| hpa.of_keda)
        {
            return Some(failure(
                "OwnedElsewhere",
                format!(
                    "{target} is scaled by KEDA still, with HorizontalPodAutoscaler {}: pause the object there (annotation autoscaling.keda.sh/paused: \"true\"), or, when KEDA runs no more, delete that HorizontalPodAutoscaler",
                    hpa.key
                ),
            ));
        }
        let all = self.by_target.get(target)?;
        let own = all.iter().filter_map(|key| self.entries.get(key));
        // Who only looks on takes nothing from anybody.
        let own = own.filter(|other| !other.observes());
        let others = own
            .map(|other| &other.object)
            .chain(self.elsewhere.scaling(target));
        let oldest = others.min_by_key(|other| age(other))?;
        if age(oldest) >= age(&entry.object) && !entry.observes() {
            return None;
        }
        let of = match &oldest.class {
            Some(class) if entry.object.class.as_ref() != Some(class) => {
                format!(" of class {class}")
            }
            None if entry.object.class.is_some() => " without a class".to_owned(),
            _ => String::new(),
        };
        Some(failure(
            "OwnedElsewhere",
            format!(
                "{target} is scaled by ScaledWorkload {}{of}, which was there before; one workload scales it",
                oldest.key
            ),
        ))
    }

    fn not_found(&self, target: &TargetKey) -> Option<Failure> {
        if self.targets.contains_key(target) {
            return None;
        }
        self.kinds.missing(target)
    }

    /// Nothing is known of its target yet: it is not scaled, and its requests wait.
    pub(super) fn not_known(&self, entry: &Entry) -> Option<Failure> {
        let target = entry.target.as_ref()?;
        let known = self.targets.contains_key(target) || self.kinds.missing(target).is_some();
        (!known).then(|| unknown(target))
    }

    fn stopped_by_hand(&self, entry: &Entry, key: &TargetKey) -> Option<Failure> {
        let target = self.targets.get(key)?;
        if target.count.replicas > 0 || !entry.hand.is_stopped() {
            return None;
        }
        let who = match &target.writer {
            Writer::Other(name) => format!("by {name}"),
            Writer::Ours | Writer::Nobody | Writer::Unknown => "by somebody".to_owned(),
        };
        Some(failure(
            "StoppedByHand",
            format!(
                "{key} was set to 0 replicas {who}; it stays there until its count or its ScaledWorkload is changed"
            ),
        ))
    }

    /// The HorizontalPodAutoscaler on a workload's target; of several the one with the largest minimum.
    pub(super) fn governor(&self, entry: &Entry) -> Option<Governor> {
        let hpa = self.hpas.of(entry.target.as_ref()?);
        let hpa = hpa.max_by_key(|hpa| (hpa.min, std::cmp::Reverse(hpa.key.clone())))?;
        Some(Governor {
            name: hpa.key.name().to_owned(),
            min: hpa.min,
        })
    }
}

/// The smaller was there before.
fn age(object: &Object) -> (Option<i64>, &Key) {
    let workload = object.workload.as_ref().ok();
    (workload.map(|workload| workload.rank), &object.key)
}

pub(super) fn failure(reason: &str, message: String) -> Failure {
    Failure {
        reason: reason.to_owned(),
        message,
    }
}
