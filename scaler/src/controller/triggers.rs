//! What a workload's triggers say, beside the demand of proxies.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rouse_api::link::Failure;
use rouse_api::schedule::Standing;
use rouse_api::workload::{Cron, Source, Trigger, Workload, WorkloadId};
use tokio::time::Instant;

use super::Turn;
use super::polled::Asked;
use crate::decide::{Answer, Reading, TriggerName};

/// So long before a schedule's window its replicas are started, until it has been measured how long that takes.
const AHEAD: Duration = Duration::from_secs(30);

/// Never so long before as this: what takes longer to start is late.
const MOST_AHEAD: Duration = Duration::from_secs(600);

/// The triggers of one workload, and who needs it.
#[derive(Debug, Default)]
pub(super) struct Triggers {
    all: Vec<Scheduled>,
    asked: Vec<Asked>,
    /// What an asked one said last ends then.
    ends: Option<Instant>,
    /// Awake ones that wake this one; `true`: this scaler has woken it and it is not ready yet.
    needed: BTreeMap<WorkloadId, bool>,
    /// By the wall clock something changes then.
    due: Option<Timestamp>,
}

#[derive(Debug)]
struct Scheduled {
    name: TriggerName,
    cron: Cron,
    /// Where it stands, and since when that is known.
    known: Option<(Timestamp, Standing)>,
    /// Its replicas are started for the window that begins then: one that was begun with is not given up when a start turns out to be
    /// faster.
    begun: Option<Timestamp>,
}

impl Triggers {
    /// Of a workload as it shall be; nothing of the past.
    pub(super) fn of(workload: &Workload, now: Instant) -> Self {
        let scheduled = |trigger: &Trigger| match &trigger.source {
            Source::Cron(cron) => Some(Scheduled {
                name: TriggerName::from(&*trigger.to_string()),
                cron: cron.clone(),
                known: None,
                begun: None,
            }),
            Source::Polled(_) => None,
        };
        let asked = |trigger: &Trigger| match &trigger.source {
            Source::Polled(_) => Some(Asked::new(trigger, now)),
            Source::Cron(_) => None,
        };
        Self {
            all: workload.triggers.iter().filter_map(scheduled).collect(),
            asked: workload.triggers.iter().filter_map(asked).collect(),
            ..Self::default()
        }
    }

    /// Takes the triggers of the workload as it shall be from now on. Who needs it stays, and what is known of those that stay.
    pub(super) fn set(&mut self, workload: &Workload, now: Instant) {
        let old = std::mem::replace(self, Self::of(workload, now));
        self.needed = old.needed;
        for known in old.asked {
            if let Some(one) = self.asked.iter_mut().find(|one| known.is_same(one)) {
                *one = known;
            }
        }
    }

    /// A trigger was read, with so many replicas ready and so many to be; one that has changed meanwhile was another.
    pub(super) fn read(
        &mut self,
        trigger: &Trigger,
        value: Result<f64, String>,
        replicas: (u32, u32),
        now: Instant,
    ) {
        if let Some(one) = self.asked.iter_mut().find(|one| one.is(trigger)) {
            one.read(value, replicas, now);
        }
    }

    /// The first one that could not be read at its last try.
    pub(super) fn failure(&self) -> Option<Failure> {
        self.asked.iter().find_map(Asked::failure)
    }

    /// From now on this scaler asks.
    pub(super) fn begin(&mut self, now: Instant) {
        for one in &mut self.asked {
            one.begin(now);
        }
    }

    pub(super) fn are_by_the_clock(&self) -> bool {
        !self.all.is_empty()
    }

    /// Another is awake and needs this one, or not any more (`None`).
    pub(super) fn needs(&mut self, by: WorkloadId, woken: Option<bool>) {
        match woken {
            Some(woken) => self.needed.insert(by, woken),
            None => self.needed.remove(&by),
        };
    }

    /// Exactly these need it.
    pub(super) fn needed_by(&mut self, all: BTreeMap<WorkloadId, bool>) {
        self.needed = all;
    }

    /// This scaler has woken one that needs it.
    pub(super) fn are_needed_now(&self) -> bool {
        self.needed.values().any(|woken| *woken)
    }

    /// When something changes by time alone.
    pub(super) fn due(&self, turn: &Turn<'_>) -> Option<Instant> {
        self.by_the_clock(turn).into_iter().chain(self.ends).min()
    }

    fn by_the_clock(&self, turn: &Turn<'_>) -> Option<Instant> {
        let left = self.due?.duration_since(turn.wall?);
        turn.now
            .checked_add(left.try_into().unwrap_or(Duration::ZERO))
    }

    /// What they say. `start`: what a replica takes to start, measured.
    pub(super) fn readings(&mut self, start: Option<Duration>, turn: &Turn<'_>) -> Vec<Reading> {
        let ahead = ahead(start);
        let mut due: Option<Timestamp> = None;
        let mut readings: Vec<Reading> = Vec::with_capacity(self.all.len() + 1);
        for one in &mut self.all {
            let answer = match turn.wall {
                Some(wall) => {
                    let (answer, until) = one.at(wall, ahead);
                    due = due.into_iter().chain(until).min();
                    answer
                }
                None => Answer::Unknown {
                    why: "the time is not known yet".to_owned(),
                    fallback: None,
                },
            };
            let trigger = one.name.clone();
            readings.push(Reading { trigger, answer });
        }
        let mut ends: Option<Instant> = None;
        for one in &self.asked {
            let (reading, until) = one.reading(turn.now);
            ends = ends.into_iter().chain(until).min();
            readings.push(reading);
        }
        // Who does not lead asks nobody, and decides nothing by it.
        self.ends = ends.filter(|_| turn.leads.is_some());
        // One says as much as all.
        if let Some(by) = self.needed.keys().next() {
            readings.push(Reading {
                trigger: TriggerName::from("wakes"),
                answer: Answer::Needed { by: by.clone() },
            });
        }
        self.due = due;
        readings
    }
}

impl Scheduled {
    /// What it says, and until when.
    fn at(&mut self, wall: Timestamp, ahead: SignedDuration) -> (Answer, Option<Timestamp>) {
        let known = self
            .known
            .filter(|(since, standing)| *since <= wall && wall < standing.until);
        let standing = match known {
            Some((_, standing)) => standing,
            None => self.cron.schedule.at(wall),
        };
        self.known = Some((known.map_or(wall, |(since, _)| since), standing));
        let begin = standing
            .until
            .saturating_sub(ahead)
            .unwrap_or(Timestamp::MIN);
        let early = begin <= wall || self.begun == Some(standing.until);
        let warms = !standing.inside && early;
        self.begun = warms.then_some(standing.until);
        let answer = Answer::Schedule {
            replicas: if standing.inside || warms {
                self.cron.replicas
            } else {
                0
            },
            ahead: warms,
        };
        let until = if standing.inside || warms {
            standing.until
        } else {
            begin
        };
        (answer, Some(until))
    }
}

/// How long before a window its replicas are started, so that they are ready when it begins: a quarter more than what was measured, for
/// no two starts are alike.
fn ahead(start: Option<Duration>) -> SignedDuration {
    let ahead = start.map_or(AHEAD, |start| start + start / 4);
    SignedDuration::try_from(ahead.min(MOST_AHEAD)).unwrap_or_default()
}
