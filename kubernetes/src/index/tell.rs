//! Facts of an object, for its status.

use rouse_api::workload::Target;
use rouse_scaler::platform::ReplicaState;
use serde_json::Value;
use tokio::time::Instant;

use super::Index;
use super::blocked::failure;
use super::event::Key;
use crate::facts::Facts;

impl Index {
    /// What is known of an object; `None`: there is no such object.
    pub fn facts(&mut self, key: &Key, now: Instant) -> Option<Facts> {
        let observation = self.observe(key, now);
        let entry = self.entries.get(key)?;
        let object = &entry.object;
        let workload = entry.workload();
        let governed = self.governor(entry);
        let target = match workload.map(|workload| &workload.target) {
            Some(Target::Scalable(target)) => {
                format!("{} {} {}", target.api_version, target.kind, target.name)
            }
            _ => String::new(),
        };
        let mut facts = Facts {
            id: key.clone(),
            origin: object.origin.clone(),
            uid: object.uid.to_string(),
            generation: object.generation,
            resource_version: object.resource_version.to_string(),
            deleted: object.deleted,
            target,
            min: workload.map_or(0, |workload| workload.scale.min),
            max: workload.map_or(0, |workload| workload.scale.max),
            observes: entry.observes(),
            verifies: workload.is_some_and(|one| one.scale.verify_changes && !one.scale.observes),
            problems: object
                .workload
                .as_ref()
                .err()
                .map(|problems| problems.to_vec())
                .unwrap_or_default(),
            conflicts: entry.conflicts.clone(),
            ungranted: entry.ungranted.clone(),
            wakes: entry.wakes.clone(),
            blocked: None,
            failure: None,
            progress: None,
            fallback: self.fallback(entry).and_then(Result::err),
            front: self.front_facts(entry),
            count: None,
            ready: 0,
            governed,
            recorded: serde_json::from_str(&object.status).unwrap_or(Value::Null),
        };
        if let Some(observation) = observation {
            let ready = observation
                .replicas
                .iter()
                .filter(|replica| replica.state == ReplicaState::Ready);
            facts.ready = u32::try_from(ready.count()).unwrap_or(u32::MAX);
            facts.blocked = observation.blocked;
            facts.failure = observation.failure;
            facts.progress = observation.progress;
            facts.count = observation.count;
        }
        if let Some(governor) = facts.governed.as_ref().filter(|governor| governor.min == 0) {
            facts.progress.get_or_insert(failure(
                "AutoscalerMinimumZero",
                format!("HorizontalPodAutoscaler {} has minReplicas 0: set it to 1 or more, for both would rule the step to zero", governor.name),
            ));
        }
        Some(facts)
    }
}
