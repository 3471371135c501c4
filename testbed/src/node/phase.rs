//! A pod's phase from its containers' states: pure.

use k8s_openapi::api::core::v1::{Container, ContainerStatus, PodSpec};

use super::state::is_sidecar;

/// Whether a container that ended with `code` starts again.
pub(crate) fn restarts(spec: &PodSpec, container: &Container, init: bool, code: i32) -> bool {
    if init && is_sidecar(container) {
        return true;
    }
    match spec.restart_policy.as_deref() {
        Some("Never") => false,
        Some("OnFailure") => code != 0,
        _ => !init || code != 0,
    }
}

/// Exit code of the process that ended last, if none runs now.
fn ended(status: &ContainerStatus) -> Option<i32> {
    let now = status
        .state
        .as_ref()
        .and_then(|state| state.terminated.as_ref());
    let running = status
        .state
        .as_ref()
        .is_some_and(|state| state.running.is_some());
    let last = status
        .last_state
        .as_ref()
        .and_then(|state| state.terminated.as_ref());
    now.or(last.filter(|_| !running)).map(|end| end.exit_code)
}

fn running(status: &ContainerStatus) -> bool {
    status
        .state
        .as_ref()
        .is_some_and(|state| state.running.is_some())
}

/// `over`: nothing runs and nothing will.
pub(crate) fn phase(
    spec: &PodSpec,
    init: &[ContainerStatus],
    main: &[ContainerStatus],
    over: bool,
    initialized: bool,
) -> &'static str {
    let codes: Vec<_> = main.iter().map(ended).collect();
    let succeeded = codes.iter().all(|code| *code == Some(0));
    if over {
        return if succeeded { "Succeeded" } else { "Failed" };
    }
    let inits = spec.init_containers.as_deref().unwrap_or_default();
    let failed = inits.iter().zip(init).any(|(container, status)| {
        ended(status).is_some_and(|code| code != 0 && !restarts(spec, container, true, code))
    });
    if failed {
        return "Failed";
    }
    let waiting = |status: &ContainerStatus| !running(status) && ended(status).is_none();
    if !initialized || main.iter().any(waiting) {
        return "Pending";
    }
    let alive = |(container, status): (&Container, &ContainerStatus)| {
        running(status) || ended(status).is_some_and(|code| restarts(spec, container, false, code))
    };
    if spec.containers.iter().zip(main).any(alive) {
        return "Running";
    }
    if succeeded { "Succeeded" } else { "Failed" }
}
