//! A pod's status from what is known of it: pure.

use std::net::IpAddr;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    Container, ContainerState, ContainerStateRunning, ContainerStateTerminated,
    ContainerStateWaiting, ContainerStatus, HostIP, Pod, PodCondition, PodIP, PodStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::phase::phase;
use super::state::{ContainerSeen, Now, Seen, Terminated, condition, is_sidecar, spec};

/// The status that kubelet would write; transition times are kept from `previous`.
pub(crate) fn build(
    pod: &Pod,
    seen: &Seen,
    host: IpAddr,
    previous: Option<&PodStatus>,
    now: Timestamp,
) -> PodStatus {
    let Some(spec) = spec(pod) else {
        return PodStatus::default();
    };
    let init_specs = spec.init_containers.as_deref().unwrap_or_default();
    let init = statuses(init_specs, seen, true, true);
    let initialized = init_specs.iter().zip(&init).all(|(spec, status)| {
        if is_sidecar(spec) {
            status.started == Some(true)
        } else {
            status.ready
        }
    }) || any_started(&spec.containers, seen);
    let main = statuses(&spec.containers, seen, initialized, false);
    let phase = phase(spec, &init, &main, seen.ended, initialized);
    let conditions = conditions(
        pod,
        seen,
        &Parts {
            phase,
            initialized,
            init: &init,
            main: &main,
        },
    );
    let ip = seen
        .ip
        .filter(|_| any_reported(seen))
        .map(|ip| ip.to_string());
    PodStatus {
        phase: Some(phase.to_owned()),
        conditions: Some(dated(conditions, pod, previous, now)),
        host_ip: Some(host.to_string()),
        host_ips: Some(vec![HostIP {
            ip: host.to_string(),
        }]),
        pod_ips: ip.clone().map(|ip| vec![PodIP { ip }]),
        pod_ip: ip,
        start_time: seen.started_at.map(Time),
        init_container_statuses: (!init.is_empty()).then_some(init),
        container_statuses: Some(main),
        observed_generation: pod.metadata.generation,
        ..PodStatus::default()
    }
}

/// Whether the status may tell of any process: only then does it tell the address.
fn any_reported(seen: &Seen) -> bool {
    let ran = |container: &ContainerSeen| container.reported && container.id.is_some();
    seen.containers.values().any(ran)
}

fn any_started(specs: &[Container], seen: &Seen) -> bool {
    let ran = |spec: &Container| {
        seen.containers
            .get(&spec.name)
            .is_some_and(|container| container.reported && container.id.is_some())
    };
    specs.iter().any(ran)
}

fn statuses(specs: &[Container], seen: &Seen, begun: bool, init: bool) -> Vec<ContainerStatus> {
    let status = |spec: &Container| {
        let known = seen.containers.get(&spec.name);
        let known = known.filter(|known| known.reported).cloned();
        let unknown = || ContainerSeen {
            now: Now::waiting(
                if begun {
                    "ContainerCreating"
                } else {
                    "PodInitializing"
                },
                "",
            ),
            ..ContainerSeen::default()
        };
        container(
            spec,
            &known.unwrap_or_else(unknown),
            seen.ended,
            init && !is_sidecar(spec),
        )
    };
    specs.iter().map(status).collect()
}

/// Whether it runs and its startup probe, if any, has passed.
pub(crate) fn started(spec: &Container, seen: &ContainerSeen) -> bool {
    matches!(seen.now, Now::Running { .. }) && (spec.startup_probe.is_none() || seen.startup)
}

/// Whether it is started and its readiness probe, if any, passes.
pub(crate) fn ready(spec: &Container, seen: &ContainerSeen) -> bool {
    started(spec, seen) && (spec.readiness_probe.is_none() || seen.readiness)
}

fn container(
    spec: &Container,
    seen: &ContainerSeen,
    ended: bool,
    plain_init: bool,
) -> ContainerStatus {
    let completed = matches!(&seen.now, Now::Terminated(end) if end.code == 0);
    let ready = if plain_init {
        completed
    } else {
        ready(spec, seen)
    };
    ContainerStatus {
        name: spec.name.clone(),
        image: spec.image.clone().unwrap_or_default(),
        image_id: seen.id.as_ref().and(spec.image.clone()).unwrap_or_default(),
        container_id: seen.id.clone(),
        ready,
        started: Some(started(spec, seen)),
        restart_count: seen.restarts,
        state: Some(state(&seen.now, ended)),
        last_state: Some(ContainerState {
            terminated: seen.last.as_ref().map(terminated),
            ..ContainerState::default()
        }),
        ..ContainerStatus::default()
    }
}

fn state(now: &Now, ended: bool) -> ContainerState {
    let text = |text: &String| (!text.is_empty()).then(|| text.clone());
    let mut state = ContainerState::default();
    match now {
        // As the kubelet ends what it never started.
        Now::Waiting { .. } if ended => {
            state.terminated = Some(ContainerStateTerminated {
                exit_code: 137,
                reason: Some("ContainerStatusUnknown".to_owned()),
                message: Some("The container was not started before the pod ended".to_owned()),
                ..ContainerStateTerminated::default()
            });
        }
        Now::Waiting { reason, message } => {
            state.waiting = Some(ContainerStateWaiting {
                reason: text(reason),
                message: text(message),
            });
        }
        Now::Running { at, .. } => {
            state.running = Some(ContainerStateRunning {
                started_at: Some(Time(*at)),
            });
        }
        Now::Terminated(end) => state.terminated = Some(terminated(end)),
    }
    state
}

fn terminated(end: &Terminated) -> ContainerStateTerminated {
    ContainerStateTerminated {
        container_id: end.id.clone(),
        exit_code: end.code,
        reason: Some(end.reason.clone()),
        message: (!end.message.is_empty()).then(|| end.message.clone()),
        started_at: Some(Time(end.started_at)),
        finished_at: Some(Time(end.finished_at)),
        signal: None,
    }
}

struct Parts<'a> {
    phase: &'a str,
    initialized: bool,
    init: &'a [ContainerStatus],
    main: &'a [ContainerStatus],
}

/// Type, whether it is so, and reason and message if not.
type Condition = (&'static str, bool, &'static str, String);

fn conditions(pod: &Pod, seen: &Seen, parts: &Parts<'_>) -> Vec<Condition> {
    let terminal = match parts.phase {
        "Succeeded" => Some("PodCompleted"),
        "Failed" => Some("PodFailed"),
        _ => None,
    };
    let containers = containers_ready(pod, parts, terminal);
    let mut ready = containers.clone();
    if ready.1 {
        ready = gated(pod);
    }
    ready.0 = "Ready";
    let sandbox = seen.sandbox && any_reported(seen) && !seen.ended;
    vec![
        ("PodReadyToStartContainers", sandbox, "", String::new()),
        if parts.initialized {
            ("Initialized", true, "", String::new())
        } else {
            let waiting = names(parts.init.iter().filter(|status| !status.ready));
            let message = format!("containers with incomplete status: [{waiting}]");
            ("Initialized", false, "ContainersNotInitialized", message)
        },
        ready,
        containers,
    ]
}

fn containers_ready(pod: &Pod, parts: &Parts<'_>, terminal: Option<&'static str>) -> Condition {
    let init_specs = spec(pod).and_then(|spec| spec.init_containers.as_deref());
    let sidecars = init_specs.unwrap_or_default().iter().zip(parts.init);
    let sidecars = sidecars.filter(|(spec, _)| is_sidecar(spec));
    let unready = sidecars
        .map(|(_, status)| status)
        .chain(parts.main)
        .filter(|status| !status.ready);
    let unready = names(unready);
    if let Some(reason) = terminal {
        return ("ContainersReady", false, reason, String::new());
    }
    if unready.is_empty() {
        return ("ContainersReady", true, "", String::new());
    }
    let message = format!("containers with unready status: [{unready}]");
    ("ContainersReady", false, "ContainersNotReady", message)
}

fn names<'a>(statuses: impl Iterator<Item = &'a ContainerStatus>) -> String {
    let names: Vec<_> = statuses.map(|status| status.name.as_str()).collect();
    names.join(" ")
}

/// Readiness of a pod whose containers are ready: what others must say before.
fn gated(pod: &Pod) -> Condition {
    let gates = spec(pod).and_then(|spec| spec.readiness_gates.as_ref());
    let closed: Vec<_> = gates
        .into_iter()
        .flatten()
        .filter_map(|gate| {
            let name = &gate.condition_type;
            match condition(pod, name) {
                Some("True") => None,
                Some(other) => Some(format!(
                    "the status of pod readiness gate {name:?} is not \"True\", but {other}"
                )),
                None => Some(format!(
                    "corresponding condition of pod readiness gate {name:?} does not exist."
                )),
            }
        })
        .collect();
    if closed.is_empty() {
        return ("Ready", true, "", String::new());
    }
    ("Ready", false, "ReadinessGatesNotReady", closed.join(", "))
}

fn dated(
    conditions: Vec<Condition>,
    pod: &Pod,
    previous: Option<&PodStatus>,
    now: Timestamp,
) -> Vec<PodCondition> {
    let before = previous.and_then(|status| status.conditions.as_ref());
    let dated = |(type_, so, reason, message): Condition| {
        let status = if so { "True" } else { "False" };
        let same = before
            .into_iter()
            .flatten()
            .find(|before| before.type_ == type_ && before.status == status);
        PodCondition {
            type_: type_.to_owned(),
            status: status.to_owned(),
            reason: (!reason.is_empty()).then(|| reason.to_owned()),
            message: (!message.is_empty()).then_some(message),
            last_transition_time: same
                .and_then(|before| before.last_transition_time.clone())
                .or(Some(Time(now))),
            observed_generation: pod.metadata.generation,
            last_probe_time: None,
        }
    };
    conditions.into_iter().map(dated).collect()
}

#[cfg(test)]
mod tests;
