//! Why no replica comes up, and whether that is final.

use std::time::Duration;

use rouse_api::link::Failure;
use tokio::time::Instant;

use super::blocked::failure;
use super::note::NoteReason;
use super::observe::{Intake, port_of};
use super::pods::Seen;
use super::service::TargetPort;
use super::trouble::{Trouble, TroubleKind};
use super::{Entry, Index};

/// What goes well takes less: after this it is worth telling.
const LONG: Duration = Duration::from_secs(5);

/// A controller that could not make pods tries again; what it said counts for this long.
const CREATE_FAILED: Duration = Duration::from_secs(60);

/// What is wrong with a workload's replicas.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Troubled {
    /// Final.
    pub(super) failure: Option<Failure>,
    /// Not known to be final.
    pub(super) progress: Option<Failure>,
}

/// What one pod's trouble comes to.
enum Verdict {
    Fine,
    /// Until then.
    FineUntil(Instant),
    Waits(Failure),
    /// Until then, when nothing is heard.
    WaitsUntil(Failure, Instant),
    Final(Failure),
}

impl Index {
    /// Looks at the pods that are not told to stop. Also returns when to look again although nothing has changed.
    pub(super) fn troubled(
        &self,
        entry: &mut Entry,
        intake: &Intake<'_>,
        live: &[&Seen],
        now: Instant,
    ) -> (Troubled, Option<Instant>) {
        if live.is_empty() {
            if let Intake::Broken(failure) = intake {
                return (final_for(failure.clone()), None);
            }
            return self.without_pods(entry, now);
        }
        entry.empty_since = None;
        if live
            .iter()
            .any(|seen| seen.pod.ready && port_of(seen, intake).is_some())
        {
            return (Troubled::default(), None);
        }
        let mut troubled = Troubled::default();
        let (mut all_final, mut due) = (true, None::<Instant>);
        let mut sooner = |at: Instant| due = Some(due.map_or(at, |due: Instant| due.min(at)));
        for seen in live {
            match self.verdict(seen, intake, now) {
                Verdict::Final(failure) => {
                    troubled.failure.get_or_insert(failure);
                    continue;
                }
                Verdict::Fine => {}
                Verdict::FineUntil(at) => sooner(at),
                Verdict::Waits(failure) => {
                    troubled.progress.get_or_insert(failure);
                }
                Verdict::WaitsUntil(failure, at) => {
                    sooner(at);
                    troubled.progress.get_or_insert(failure);
                }
            }
            all_final = false;
        }
        if !all_final && let Some(failure) = troubled.failure.take() {
            // Another pod may still come up.
            troubled.progress.get_or_insert(failure);
        }
        (troubled, due)
    }

    fn without_pods(&self, entry: &mut Entry, now: Instant) -> (Troubled, Option<Instant>) {
        let target = entry
            .target
            .as_ref()
            .and_then(|target| self.targets.get(target));
        let Some(target) = target.filter(|target| target.count.replicas > 0) else {
            entry.empty_since = None;
            return (Troubled::default(), None);
        };
        let since = *entry.empty_since.get_or_insert(now);
        if let Some(why) = &target.replica_failure {
            let message = format!("{} can't make pods: {why}", target.key);
            return (final_for(failure("FailedCreate", message)), None);
        }
        let note = self.notes.get(&target.uid);
        let note = note.filter(|note| note.reason == NoteReason::FailedCreate);
        if let Some(note) = note
            && let until = note.at + CREATE_FAILED
            && until > now
        {
            let message = format!("{} can't make pods: {}", target.key, note.message);
            return (final_for(failure("FailedCreate", message)), Some(until));
        }
        if now < since + LONG {
            return (Troubled::default(), Some(since + LONG));
        }
        let message = format!(
            "{} shall have {} replicas and has no pod yet",
            target.key, target.count.replicas
        );
        let progress = Some(failure("NoPods", message));
        (
            Troubled {
                progress,
                failure: None,
            },
            None,
        )
    }

    fn verdict(&self, seen: &Seen, intake: &Intake<'_>, now: Instant) -> Verdict {
        let pod = &seen.pod;
        if let Intake::Port(service, port) = intake
            && let TargetPort::Name(name) = &port.target
            && pod.port(name).is_none()
        {
            return Verdict::Final(failure(
                "PortNotFound",
                format!(
                    "Service {} sends to port {name:?}, which no container of pod {} has",
                    service.key,
                    pod.key.name()
                ),
            ));
        }
        let Some(trouble) = &pod.trouble else {
            return Verdict::Fine;
        };
        let told = failure(
            &trouble.reason,
            format!("pod {}: {}", pod.key.name(), trouble.message),
        );
        match trouble.kind {
            TroubleKind::Final => Verdict::Final(told),
            TroubleKind::Pull if seen.pull_failed => Verdict::Final(told),
            TroubleKind::Unschedulable => self.unschedulable(seen, told, now),
            TroubleKind::Waits if is_usual(trouble) => {
                let long = seen.since + LONG;
                if now < long {
                    Verdict::FineUntil(long)
                } else {
                    Verdict::Waits(told)
                }
            }
            TroubleKind::Pull | TroubleKind::Waits => Verdict::Waits(told),
        }
    }

    fn unschedulable(&self, seen: &Seen, told: Failure, now: Instant) -> Verdict {
        match self.notes.get(&seen.pod.uid) {
            Some(note) if note.reason == NoteReason::NotTriggerScaleUp => {
                let message = format!(
                    "{}; no node will be added for it: {}",
                    told.message, note.message
                );
                return Verdict::Final(failure(&told.reason, message));
            }
            Some(note) if note.reason == NoteReason::TriggeredScaleUp => {
                let message = format!("{}; a node is being added: {}", told.message, note.message);
                return Verdict::Waits(failure(&told.reason, message));
            }
            _ => {}
        }
        let since = seen.unschedulable_since.unwrap_or(seen.since);
        let last = since + self.unschedulable_wait;
        if now < last {
            Verdict::WaitsUntil(told, last)
        } else {
            Verdict::Final(told)
        }
    }
}

fn final_for(failure: Failure) -> Troubled {
    Troubled {
        failure: Some(failure),
        progress: None,
    }
}

/// What every pod goes through.
fn is_usual(trouble: &Trouble) -> bool {
    matches!(&*trouble.reason, "ContainerCreating" | "PodInitializing")
}
