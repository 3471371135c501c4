//! Triggers, each of one source.

mod polled;

use std::num::NonZeroU32;

use super::http::at_most;
use crate::load::Mode;
use crate::load::document::Document;
use crate::load::path::FieldPath;
use crate::resource::{self, Spec};
use crate::schedule::Schedule;
use crate::workload::{Cron, Scale, Source, Trigger};

/// Entries of `triggers`.
pub(crate) const MOST_TRIGGERS: usize = 32;

/// What is contradictory is noted in the document.
pub(super) fn triggers(
    document: &mut Document,
    spec: &Spec,
    scale: &Scale,
    mode: Mode,
) -> Vec<Trigger> {
    let all = FieldPath::of("spec.triggers");
    at_most(document, &all, spec.triggers.len(), MOST_TRIGGERS);
    let mut triggers = Vec::new();
    for (place, trigger) in spec.triggers.iter().enumerate() {
        let at = all.index(place);
        if !has_one_source(document, trigger, &at) {
            continue;
        }
        let source = match &trigger.cron {
            Some(given) => {
                not_of_a_schedule(document, trigger, &at);
                cron(document, given, scale, &at.key("cron")).map(Source::Cron)
            }
            None => polled::polled(document, trigger, scale, (mode, &at)).map(Source::Polled),
        };
        triggers.extend(source.map(|source| Trigger { place, source }));
    }
    triggers
}

fn has_one_source(document: &mut Document, trigger: &resource::Trigger, at: &FieldPath) -> bool {
    let given = [
        trigger.sqs.is_some(),
        trigger.prometheus.is_some(),
        trigger.cron.is_some(),
        trigger.pods.is_some(),
        trigger.cpu.is_some(),
        trigger.memory.is_some(),
        trigger.metrics_api.is_some(),
        trigger.external.is_some(),
        trigger.external_push.is_some(),
    ];
    let count = given.iter().filter(|given| **given).count();
    if count != 1 && !document.touched(at) {
        document.refuse(
            at,
            format!(
                "has {count} of sqs, prometheus, cron, pods, cpu, memory, metricsApi, external and externalPush; write exactly one"
            ),
        );
    }
    count == 1
}

/// A schedule is not polled, and always known.
fn not_of_a_schedule(document: &mut Document, trigger: &resource::Trigger, at: &FieldPath) {
    for (field, given) in [
        ("pollInterval", trigger.poll_interval.is_some()),
        ("fallback", trigger.fallback.is_some()),
    ] {
        if given {
            let message = "is not for cron, which is always known; leave it out";
            document.refuse(&at.key(field), message);
        }
    }
}

fn cron(
    document: &mut Document,
    given: &resource::Cron,
    scale: &Scale,
    at: &FieldPath,
) -> Option<Cron> {
    let schedule = Schedule {
        zone: given.timezone.get().clone(),
        start: given.start.get().clone(),
        end: given.end.get().clone(),
    };
    let (start_at, end_at) = (at.key("start"), at.key("end"));
    if schedule.start == schedule.end {
        let message = "is the same as start: the window would never end; write when it ends, or replicas.min for one that is always";
        document.refuse_between(&end_at, &[start_at], message);
        return None;
    }
    let replicas = NonZeroU32::get(given.replicas);
    if replicas > scale.max {
        let max_at = FieldPath::of("spec.replicas.max");
        let message = format!(
            "is {replicas}, and replicas.max is {}: there are never more",
            scale.max
        );
        document.refuse_between(&at.key("replicas"), &[max_at], message);
        return None;
    }
    Some(Cron { schedule, replicas })
}
