//! Triggers whose value is asked for.

mod access;
mod credential;
mod external;
mod metrics_api;
mod prometheus;
mod sqs;
mod usage;

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::load::Mode;
use crate::load::document::Document;
use crate::load::path::FieldPath;
use crate::resource::{self, NotNegative, PodsTrigger, Positive};
use crate::workload::{Asked, Polled, Resource, Scale};

const POLL_INTERVAL: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);
const POLLED_EVERY: Duration = Duration::from_secs(15);

const QUERY_TIMEOUT: RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(30);
/// KEDA's.
const ANSWERED_WITHIN: Duration = Duration::from_secs(3);

/// A role may have to be assumed first.
const QUEUE_ANSWERED_WITHIN: Duration = Duration::from_secs(10);

/// Labels and headers of one trigger.
const MOST_PAIRS: usize = 16;

/// `None`, with the problem noted or what it is refused for elsewhere: it is not one of these.
pub(super) fn polled(
    document: &mut Document,
    trigger: &resource::Trigger,
    scale: &Scale,
    (mode, at): (Mode, &FieldPath),
) -> Option<Polled> {
    let every = trigger.poll_interval.map(resource::Duration::get);
    if every.is_some_and(|every| !POLL_INTERVAL.contains(&every)) {
        document.refuse(&at.key("pollInterval"), "must be from 1s to 1h");
    }
    let fallback = trigger
        .fallback
        .as_ref()
        .map(|fallback| fallback.replicas.get());
    if let Some(fallback) = fallback.filter(|fallback| *fallback > scale.max) {
        let max_at = FieldPath::of("spec.replicas.max");
        let message = format!(
            "is {fallback}, and replicas.max is {}: there are never more",
            scale.max
        );
        document.refuse_between(&at.key("fallback").key("replicas"), &[max_at], message);
    }
    let common = |of, target, total, activation: Option<NotNegative>| Polled {
        of,
        target,
        total,
        activation: activation.map_or(0.0, f64::from),
        every: every.unwrap_or(POLLED_EVERY),
        timeout: ANSWERED_WITHIN,
        fallback,
    };
    if let Some(given) = &trigger.prometheus {
        let at = at.key("prometheus");
        let (target, total) = target(document, given.per_replica, given.total, &at)?;
        let of = prometheus::prometheus(document, given, mode, &at);
        return Some(Polled {
            timeout: timeout(document, given.timeout, &at),
            ..common(
                Asked::Prometheus(Box::new(of)),
                target,
                total,
                given.activation,
            )
        });
    }
    if let Some(given) = &trigger.metrics_api {
        let at = at.key("metricsApi");
        let (target, total) = target(document, given.per_replica, given.total, &at)?;
        let of = Asked::MetricsApi(Box::new(metrics_api::metrics_api(
            document, given, mode, &at,
        )));
        return Some(Polled {
            timeout: timeout(document, given.timeout, &at),
            ..common(of, target, total, given.activation)
        });
    }
    for (given, push) in [(&trigger.external, false), (&trigger.external_push, true)] {
        if let Some(given) = given {
            let at = at.key(if push { "externalPush" } else { "external" });
            let of = external::external(document, given, push, (mode, &at));
            return Some(Polled {
                timeout: timeout(document, given.timeout, &at),
                ..common(Asked::External(Box::new(of)), 1.0, false, None)
            });
        }
    }
    if let Some(given) = &trigger.sqs {
        let of = sqs::sqs(document, given, mode, &at.key("sqs"));
        return Some(Polled {
            timeout: QUEUE_ANSWERED_WITHIN,
            ..common(
                Asked::Sqs(Box::new(of)),
                given.per_replica.get(),
                false,
                given.activation,
            )
        });
    }
    let used = [
        (&trigger.cpu, Resource::Cpu),
        (&trigger.memory, Resource::Memory),
    ];
    for (given, resource) in used {
        if let Some(given) = given {
            let at = at.key(resource.word());
            let (of, target) = usage::usage(document, given, resource, (mode, &at))?;
            return Some(common(Asked::Usage(of), target, true, None));
        }
    }
    let given = trigger.pods.as_ref()?;
    let of = Asked::Pods(pods(document, given, mode, &at.key("pods")));
    Some(common(of, given.per_replica.get(), false, given.activation))
}

fn timeout(document: &mut Document, given: Option<resource::Duration>, at: &FieldPath) -> Duration {
    let timeout = given.map(resource::Duration::get);
    if timeout.is_some_and(|timeout| !QUERY_TIMEOUT.contains(&timeout)) {
        document.refuse(&at.key("timeout"), "must be from 100ms to 30s");
    }
    timeout.unwrap_or(ANSWERED_WITHIN)
}

fn target(
    document: &mut Document,
    each: Option<Positive>,
    total: Option<Positive>,
    at: &FieldPath,
) -> Option<(f64, bool)> {
    match (each, total) {
        (Some(each), None) => Some((each.get(), false)),
        (None, Some(total)) => Some((total.get(), true)),
        (Some(_), Some(_)) => {
            let message = "stands together with perReplica: write how much one replica takes, or what the whole shall be";
            document.refuse_between(&at.key("total"), &[at.key("perReplica")], message);
            None
        }
        (None, None) => {
            let message = "is missing, and so is total: write how much one replica takes, or what the whole shall be";
            document.refuse_between(&at.key("perReplica"), &[at.key("total")], message);
            None
        }
    }
}

fn pods(
    document: &mut Document,
    given: &PodsTrigger,
    mode: Mode,
    at: &FieldPath,
) -> std::collections::BTreeMap<String, String> {
    if mode == Mode::Standalone {
        document.refuse(
            at,
            "is for a cluster, and this runs standalone: there are no pods; leave it out",
        );
    }
    let labels_at = at.key("matchLabels");
    let count = given.match_labels.len();
    if count == 0 || count > MOST_PAIRS {
        document.refuse(
            &labels_at,
            format!("has {count} entries; write from 1 to {MOST_PAIRS}"),
        );
    }
    given.match_labels.clone()
}
