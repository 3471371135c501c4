//! How a container is ended: preStop, SIGTERM, and SIGKILL at the deadline.

use std::io;
use std::net::IpAddr;
use std::process::ExitStatus;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, LifecycleHandler};
use rustix::process::Signal;
use tokio::sync::watch;
use tokio::time::Instant;

use super::attempt::Attempt;
use super::process::Process;

/// What a process gets after a preStop hook that took all of the time (kubelet's `minimumGracePeriodInSeconds`).
const LEAST: Duration = Duration::from_secs(2);

/// A deadline that may come nearer.
pub(crate) type Ending = watch::Receiver<Option<Instant>>;

/// Waits for the order to end, and returns its deadline.
pub(crate) async fn ordered(ending: &mut Ending) -> Instant {
    match ending.wait_for(Option::is_some).await.map(|found| *found) {
        Ok(Some(deadline)) => deadline,
        // Nobody can order it any more: at once.
        Ok(None) | Err(_) => Instant::now(),
    }
}

/// Ends the process by `deadline`, or by an earlier one that `ending` tells later.
///
/// # Errors
/// The system's, when it can't be waited for.
pub(crate) async fn stop(
    process: &mut Process,
    container: &Container,
    pod_ip: IpAddr,
    mut deadline: Instant,
    ending: &mut Ending,
) -> io::Result<ExitStatus> {
    let hook = container
        .lifecycle
        .as_ref()
        .and_then(|all| all.pre_stop.as_ref());
    if let Some(hook) = hook {
        let pid = process.pid().as_raw_nonzero().get();
        tokio::select! {
            status = process.wait() => return status,
            () = run(hook, container, pod_ip, pid, deadline) => {}
            () = sooner(&mut deadline, ending) => {}
        }
        deadline = deadline.max(Instant::now() + LEAST);
    }
    process.signal(Signal::TERM);
    loop {
        tokio::select! {
            status = process.wait() => return status,
            () = tokio::time::sleep_until(deadline) => break,
            () = sooner(&mut deadline, ending) => {}
        }
    }
    process.signal(Signal::KILL);
    process.wait().await
}

/// Returns when the deadline has come nearer.
async fn sooner(deadline: &mut Instant, ending: &mut Ending) {
    let before = *deadline;
    let nearer = ending
        .wait_for(|told| told.is_some_and(|told| told < before))
        .await;
    match nearer.map(|told| *told) {
        Ok(Some(told)) => *deadline = told,
        Ok(None) | Err(_) => std::future::pending().await,
    }
}

/// Runs the hook, until `deadline` at most; a failure changes nothing.
async fn run(
    hook: &LifecycleHandler,
    container: &Container,
    pod_ip: IpAddr,
    pid: i32,
    deadline: Instant,
) {
    let limit = deadline.saturating_duration_since(Instant::now());
    if let Some(sleep) = &hook.sleep {
        let time = Duration::from_secs(u64::try_from(sleep.seconds).unwrap_or(0));
        return tokio::time::sleep(time.min(limit)).await;
    }
    let attempt = match (&hook.http_get, &hook.exec) {
        (Some(get), _) => Attempt::http(container, get, pod_ip),
        (None, Some(exec)) => Attempt::exec(exec.command.clone().unwrap_or_default(), pod_ip),
        (None, None) => return,
    };
    if let Err(error) = attempt.make(Some(pid), limit).await {
        tracing::debug!(container = container.name, error, "preStop hook failed");
    }
}
