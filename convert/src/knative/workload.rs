//! The ScaledWorkload of a revision.

use std::num::NonZeroU32;
use std::time::Duration;

use rouse_api::load::FieldPath;
use rouse_api::resource::{
    Behavior, Concurrency, HoldSpec, Host, HttpSpec, ProtocolSpec, Replicas, RequestRate,
    ScaledWorkload, ServiceRef, Spec, TargetSpec, TimeoutsSpec, Trigger, UsageTrigger,
};

use super::autoscaling::{Metric, Settings};
use super::deployment::{Pods, service_name};
use crate::fields::Fields;
use crate::keda::metadata;
use crate::kubernetes::Meta;
use crate::node::Node;
use crate::note::Notes;
use crate::outcome;
use crate::scalar::{seconds, wanted};

/// Knative's, in seconds.
const TIMEOUT: u64 = 300;
/// Knative's targets.
const CONCURRENCY: f64 = 100.0;
const RPS: f64 = 200.0;
const CPU: f64 = 100.0;
/// What stands for "no limit" of replicas.
const MOST: NonZeroU32 = NonZeroU32::MIN.saturating_add(999);

/// What a revision's spec says about requests.
pub(super) struct Limits<'a> {
    pub(super) path: FieldPath,
    pub(super) values: Values,
    pub(super) timeout: u64,
    /// The Pods' own fields.
    pub(super) rest: Vec<(&'a str, &'a Node)>,
}

/// In seconds and in requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Values {
    concurrency: u32,
    timeout: Option<u64>,
    start: Option<u64>,
    idle: u64,
}

impl<'a> Limits<'a> {
    pub(super) fn read(mut spec: Fields<'a>, notes: &mut Notes) -> Self {
        let values = Values {
            concurrency: spec.whole("containerConcurrency", notes).unwrap_or(0),
            timeout: spec.whole("timeoutSeconds", notes),
            start: spec.whole("responseStartTimeoutSeconds", notes),
            idle: spec.whole("idleTimeoutSeconds", notes).unwrap_or(0),
        };
        Self {
            path: spec.path.clone(),
            values,
            timeout: values.timeout.unwrap_or(TIMEOUT),
            rest: spec.into_left(),
        }
    }
}

/// `hosts`: with what is to be said about them.
pub(super) fn workload(
    meta: &Meta,
    (limits, at_timeout, settings, pods): (&Values, &FieldPath, &Settings, &Pods),
    hosts: &[Host],
    notes: &mut Notes,
) -> ScaledWorkload {
    // The Deployment has taken up what annotations there are.
    let meta = Meta {
        annotations: Default::default(),
        labels: Default::default(),
        ..meta.clone()
    };
    let metadata = metadata(&meta, notes);
    let behavior = behavior(settings);
    let mut http = HttpSpec {
        hosts: hosts.to_vec(),
        service: Some(ServiceRef {
            name: wanted(
                service_name(&meta.name),
                &FieldPath::of("metadata.name"),
                notes,
            ),
            port: None,
        }),
        protocol: Some(match pods.h2c {
            true => ProtocolSpec::H2c,
            false => ProtocolSpec::Http1,
        }),
        ..HttpSpec::default()
    };
    let mut triggers = Vec::new();
    scaling(settings, limits, (&mut http, &mut triggers), notes);
    timeouts(limits, at_timeout, &mut http, notes);
    let replicas = replicas(settings, notes);
    let verify = settings.initial > 0;
    if verify {
        let message = "as Knative: a new revision must come up once before it counts; false leaves a sleeper asleep";
        let at = settings.at.key("autoscaling.knative.dev/initial-scale");
        notes.changed(&at, "spec.verifyChanges", message);
    }
    let spec = Spec {
        target: Some(TargetSpec {
            name: wanted(meta.name.as_str(), &FieldPath::of("metadata.name"), notes),
            ..TargetSpec::default()
        }),
        replicas: Some(replicas),
        idle_after: (settings.window + settings.retention).try_into().ok(),
        verify_changes: Some(verify),
        http: Some(http),
        behavior: Some(behavior),
        triggers,
        ..Spec::default()
    };
    let at = settings.at.key("autoscaling.knative.dev/window");
    notes.changed(
        &at,
        "spec.idleAfter",
        "Knative: a whole window without requests, and the retention period after it",
    );
    outcome::workload(metadata, spec)
}

fn behavior(settings: &Settings) -> Behavior {
    let part = settings.panic_window / 100.0;
    let panic = settings.window.mul_f64(part);
    let panic = panic.clamp(Duration::from_secs(1), settings.window);
    let at = FieldPath::default();
    let mut none = Notes::default();
    Behavior {
        stable_window: settings.window.try_into().ok(),
        panic_window: panic.try_into().ok(),
        panic_threshold: wanted(settings.panic_threshold, &at, &mut none),
        scale_down_delay: settings.down_delay.try_into().ok(),
        utilization: wanted(settings.utilization, &at, &mut none),
        ..Behavior::default()
    }
}

fn scaling(
    settings: &Settings,
    limits: &Values,
    (http, triggers): (&mut HttpSpec, &mut Vec<Trigger>),
    notes: &mut Notes,
) {
    let at = settings.at.key("autoscaling.knative.dev/target");
    let limit = NonZeroU32::new(limits.concurrency);
    let most = limit.map(|limit| f64::from(limit.get()));
    let of_concurrency = most.unwrap_or(CONCURRENCY);
    let mut per_replica = of_concurrency;
    match settings.metric {
        Metric::Concurrency => {
            let target = settings.target.unwrap_or(of_concurrency);
            per_replica = most.map_or(target, |most| target.min(most));
        }
        Metric::Rps => {
            let rate = settings.target.unwrap_or(RPS);
            http.request_rate = Some(RequestRate {
                per_replica: wanted(rate, &at, notes),
            });
            if limit.is_some() {
                let message = "beside requestRate the limit scales, too, for who is above it waits";
                notes.changed(&at, "spec.http.concurrency", message);
            }
        }
        Metric::Cpu | Metric::Memory => usage(settings, triggers, notes),
    }
    if settings.metric == Metric::Concurrency || limit.is_some() {
        http.concurrency = Some(Concurrency {
            per_replica: wanted(per_replica, &at, notes),
            limit,
        });
    }
}

fn usage(settings: &Settings, triggers: &mut Vec<Trigger>, notes: &mut Notes) {
    let at = settings.at.key("autoscaling.knative.dev/metric");
    let target = settings.at.key("autoscaling.knative.dev/target");
    let line = FieldPath::of("spec.triggers").index(0);
    let message = "Rouse scales by requests in flight as well (100 for a replica, unless http.concurrency says otherwise); the larger wins, and requests keep it awake";
    notes.changed_at(&at, line, message);
    let none = UsageTrigger {
        utilization: None,
        average: None,
        container: None,
    };
    triggers.push(match settings.metric {
        Metric::Memory => {
            let Some(amount) = settings.target else {
                notes.mistake(&target, "is missing; write the MiB that each Pod may use");
                return;
            };
            let average = wanted(format!("{}Mi", amount.ceil()), &target, notes);
            Trigger {
                memory: Some(UsageTrigger { average, ..none }),
                ..Trigger::default()
            }
        }
        _ => {
            let percent = settings.target.unwrap_or(CPU) * settings.utilization / 100.0;
            let utilization = wanted(percent, &target, notes);
            Trigger {
                cpu: Some(UsageTrigger {
                    utilization,
                    ..none
                }),
                ..Trigger::default()
            }
        }
    });
}

fn timeouts(limits: &Values, at: &FieldPath, http: &mut HttpSpec, notes: &mut Notes) {
    let timeout = limits.timeout.unwrap_or(TIMEOUT).max(1);
    http.hold = Some(HoldSpec {
        timeout: seconds(timeout),
        ..HoldSpec::default()
    });
    let message = "Knative's activator waits for timeoutSeconds; of those that wait each proxy of Rouse holds maxRequests (200 unless said)";
    notes.changed(at, "spec.http.hold", message);
    http.timeouts = Some(TimeoutsSpec {
        connect: None,
        response_header: seconds(limits.start.unwrap_or(timeout).max(1)),
        idle: seconds(limits.idle),
    });
    let message = format!(
        "Knative ends a request after {timeout} s in all, whatever it does; Rouse does not: a timeout of your VirtualService can"
    );
    let line = "spec.http.timeouts";
    match limits.timeout {
        Some(_) => notes.lost_at(at, FieldPath::of(line), message),
        None => notes.changed(at, line, message),
    }
}

fn replicas(settings: &Settings, notes: &mut Notes) -> Replicas {
    let name = |name: &str| settings.at.key(&format!("autoscaling.knative.dev/{name}"));
    let by_usage = matches!(settings.metric, Metric::Cpu | Metric::Memory);
    let mut min = settings.min;
    if by_usage && min == 0 {
        min = 1;
        let message = "as Knative with cpu and memory; here requests wake it, so that it may be 0";
        notes.changed(&name("metric"), "spec.replicas.min", message);
    }
    let max = NonZeroU32::new(settings.max);
    if max.is_none() {
        let message = "Knative: no limit; write what your cluster bears";
        notes.changed(&name("max-scale"), "spec.replicas.max", message);
    }
    let on_wake = settings.activation.and_then(NonZeroU32::new);
    let on_wake = on_wake.filter(|on_wake| on_wake.get() > 1);
    if on_wake.is_some() {
        let message = "Knative never has fewer while awake; Rouse wakes with so many, and goes lower when less is asked for";
        notes.changed(&name("activation-scale"), "spec.replicas.onWake", message);
    }
    let message = "once, when Rouse sees it first; in Knative for each new revision";
    notes.changed(&name("initial-scale"), "spec.replicas.initial", message);
    Replicas {
        min: Some(min),
        max: Some(max.unwrap_or(MOST)),
        on_wake,
        initial: Some(settings.initial.max(min)),
    }
}
