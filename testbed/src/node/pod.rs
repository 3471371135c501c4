//! One pod, from the moment it is seen to its object's removal.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod};
use kube::Api;
use kube::api::{DeleteParams, Preconditions};
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::address::Address;
use super::attempt::Attempt;
use super::container::Supervisor;
use super::context::Context;
use super::fields::Facts;
use super::probe::{Which, Worker};
use super::state::{PodState, containers, is_sidecar, spec};
use super::status::started;
use super::stop::{Ending, ordered};
use super::volumes::{Maker, Volumes};
use super::writer::{AtOnce, Writer};

/// Between attempts to make what a pod needs.
const RETRY: Duration = Duration::from_secs(1);
/// How long the API server may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// Runs the pod to its end, and takes its object away.
pub(crate) async fn run(context: Arc<Context>, state: Arc<PodState>) {
    let object = state.object();
    let names = containers(&object).map(|container| container.name.clone());
    let at_once: AtOnce = names.map(|name| (name, Arc::default())).collect();
    let mut writing = JoinSet::new();
    writing.spawn(Writer::new(&context, &state, at_once.clone()).run());
    let over = object
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref());
    if !matches!(over, Some("Succeeded" | "Failed")) {
        let life = Life {
            context: Arc::clone(&context),
            state: Arc::clone(&state),
            at_once: at_once.clone(),
            ending: state.ending.subscribe(),
            root: context.pod_dir(&state.uid),
        };
        life.run().await;
        state.update(|seen| seen.ended = true);
    }
    ordered(&mut state.ending.subscribe()).await;
    writing.shutdown().await;
    Writer::new(&context, &state, at_once).flush().await;
    remove(&context, &state).await;
    context.forget(&state);
    // Nothing may be there: the pod never started.
    let _ = std::fs::remove_dir_all(context.pod_dir(&state.uid));
}

/// Deletes the object for good, unless another has its name by now.
async fn remove(context: &Context, state: &PodState) {
    let api: Api<Pod> = Api::namespaced(context.client.clone(), &state.namespace);
    let parameters = DeleteParams {
        grace_period_seconds: Some(0),
        preconditions: Some(Preconditions {
            uid: Some(state.uid.clone()),
            ..Preconditions::default()
        }),
        ..DeleteParams::default()
    };
    loop {
        context.knobs.answering().await;
        match tokio::time::timeout(DEADLINE, api.delete(&state.name, &parameters)).await {
            Ok(Ok(_)) => return,
            Ok(Err(kube::Error::Api(error))) if matches!(error.code, 404 | 409) => return,
            Ok(Err(error)) => tracing::warn!(pod = state.name, %error, "pod not deleted"),
            Err(_) => {}
        }
        tokio::time::sleep(RETRY).await;
    }
}

struct Life {
    context: Arc<Context>,
    state: Arc<PodState>,
    at_once: AtOnce,
    ending: Ending,
    root: PathBuf,
}

/// What the containers of one pod share.
struct Shared {
    facts: Facts,
    volumes: Arc<Volumes>,
    probes: JoinSet<()>,
    sidecars: JoinSet<Option<i32>>,
    /// When sidecars must end: after the others.
    sidecars_end: watch::Sender<Option<Instant>>,
    /// Held as long as a process may be bound to it.
    _address: Option<Address>,
}

impl Life {
    /// Returns once all containers have ended and none will start again.
    async fn run(mut self) {
        self.state
            .update(|seen| seen.started_at = Some(Timestamp::now()));
        let Some(mut shared) = self.prepare().await else {
            return;
        };
        let object = self.state.object();
        if self.init(&object, &mut shared).await {
            let mains = spec(&object).map(|spec| spec.containers.clone());
            self.main(mains.unwrap_or_default(), &mut shared).await;
        }
        let deadline = *self.ending.borrow();
        let deadline = deadline.unwrap_or_else(|| Instant::now() + grace(&object));
        shared.sidecars_end.send_replace(Some(deadline));
        while shared.sidecars.join_next().await.is_some() {}
    }

    /// Sandbox, address, volumes; `None` when the pod must end.
    async fn prepare(&mut self) -> Option<Shared> {
        let delay = self.context.knobs.read(|settings| settings.sandbox_delay);
        if self.ended_within(delay).await {
            return None;
        }
        let object = self.state.object();
        let host_network = spec(&object).and_then(|spec| spec.host_network) == Some(true);
        let (address, ip) = self.address(host_network).await?;
        let facts = Facts {
            pod_ip: ip,
            host_ip: self.context.host,
        };
        let maker = Arc::new(Maker {
            client: self.context.client.clone(),
            objects: self.context.objects.clone(),
            knobs: self.context.knobs.clone(),
            facts: facts.clone(),
            state: Arc::clone(&self.state),
            root: self.root.clone(),
        });
        let volumes = self.volumes(&maker).await?;
        self.state.update(|seen| {
            seen.ip = Some(ip);
            seen.sandbox = true;
        });
        Some(Shared {
            facts,
            volumes: Arc::new(volumes),
            probes: JoinSet::new(),
            sidecars: JoinSet::new(),
            sidecars_end: watch::Sender::new(None),
            _address: address,
        })
    }

    async fn address(&mut self, host_network: bool) -> Option<(Option<Address>, IpAddr)> {
        if host_network {
            return Some((None, self.context.host));
        }
        loop {
            if let Some(address) = self.context.addresses.take() {
                let ip = address.ip().into();
                return Some((Some(address), ip));
            }
            tracing::warn!(pod = self.state.name, "no free address");
            if self.ended_within(RETRY).await {
                return None;
            }
        }
    }

    async fn volumes(&mut self, maker: &Arc<Maker>) -> Option<Volumes> {
        loop {
            let made = std::fs::create_dir_all(&self.root).map_err(|error| error.to_string());
            let made = match made {
                Ok(()) => Box::pin(Volumes::make(maker)).await,
                Err(error) => Err(error),
            };
            match made {
                Ok(volumes) => return Some(volumes),
                Err(error) => tracing::warn!(pod = self.state.name, error, "volumes not made"),
            }
            if self.ended_within(RETRY).await {
                return None;
            }
        }
    }

    async fn ended_within(&mut self, wait: Duration) -> bool {
        tokio::select! {
            biased;
            _ = ordered(&mut self.ending) => true,
            () = tokio::time::sleep(wait) => false,
        }
    }

    /// Init containers in their order; whether all went well.
    async fn init(&mut self, object: &Pod, shared: &mut Shared) -> bool {
        let inits = spec(object).and_then(|spec| spec.init_containers.clone());
        for container in inits.into_iter().flatten() {
            let (tried, wait) = oneshot::channel();
            let name = container.name.clone();
            let sidecar = is_sidecar(&container);
            let ending = if sidecar {
                shared.sidecars_end.subscribe()
            } else {
                self.ending.clone()
            };
            let supervisor = self.supervisor(container.clone(), true, shared, ending, tried);
            let report = async {
                if wait.await.is_ok() {
                    self.state
                        .update_container(&name, |seen| seen.reported = true);
                }
            };
            if sidecar {
                shared.sidecars.spawn(supervisor.run());
                report.await;
                if !self.started(&container).await {
                    return false;
                }
            } else {
                let (code, ()) = tokio::join!(supervisor.run(), report);
                if code != Some(0) {
                    return false;
                }
            }
        }
        self.ending.borrow().is_none()
    }

    /// Waits for a sidecar's startup; false when the pod must end.
    async fn started(&self, container: &Container) -> bool {
        let mut seen = self.state.seen.subscribe();
        let mut ending = self.ending.clone();
        let up = seen.wait_for(|seen| {
            let seen = seen.containers.get(&container.name);
            seen.is_some_and(|seen| started(container, seen))
        });
        tokio::select! {
            up = up => up.is_ok(),
            _ = ordered(&mut ending) => false,
        }
    }

    /// Starts all others together, tells of them in one update, and waits for their end.
    async fn main(&self, mains: Vec<Container>, shared: &mut Shared) {
        let mut running = JoinSet::new();
        let mut waits = Vec::new();
        let names: Vec<_> = mains
            .iter()
            .map(|container| container.name.clone())
            .collect();
        for container in mains {
            let (tried, wait) = oneshot::channel();
            waits.push(wait);
            let ending = self.ending.clone();
            let supervisor = self.supervisor(container, false, shared, ending, tried);
            running.spawn(supervisor.run());
        }
        for wait in waits {
            // An error: it ended before it was tried, because the pod must end.
            let _ = wait.await;
        }
        self.state.update(|seen| {
            for name in names {
                seen.containers.entry(name).or_default().reported = true;
            }
        });
        while running.join_next().await.is_some() {}
    }

    /// The container's supervisor; its probes begin.
    fn supervisor(
        &self,
        container: Container,
        init: bool,
        shared: &mut Shared,
        ending: Ending,
        tried: oneshot::Sender<()>,
    ) -> Supervisor {
        let unhealthy = Arc::new(Notify::new());
        if !init || is_sidecar(&container) {
            self.probe(&container, shared, &unhealthy);
        }
        Supervisor {
            context: Arc::clone(&self.context),
            state: Arc::clone(&self.state),
            container,
            init,
            facts: shared.facts.clone(),
            volumes: Arc::clone(&shared.volumes),
            root: self.root.clone(),
            ending,
            unhealthy,
            tried: Some(tried),
        }
    }

    fn probe(&self, container: &Container, shared: &mut Shared, unhealthy: &Arc<Notify>) {
        let probes = [
            (Which::Startup, &container.startup_probe),
            (Which::Readiness, &container.readiness_probe),
            (Which::Liveness, &container.liveness_probe),
        ];
        for (which, probe) in probes {
            let Some(probe) = probe else { continue };
            let worker = Worker {
                which,
                state: Arc::clone(&self.state),
                container: container.clone(),
                attempt: Attempt::of(container, probe, shared.facts.pod_ip),
                probe: probe.clone(),
                at_once: self
                    .at_once
                    .get(&container.name)
                    .cloned()
                    .unwrap_or_default(),
                unhealthy: Arc::clone(unhealthy),
            };
            shared.probes.spawn(worker.run());
        }
    }
}

/// How long the pod's containers may take to end.
pub(crate) fn grace(pod: &Pod) -> Duration {
    let asked = pod.metadata.deletion_grace_period_seconds;
    let own = spec(pod).and_then(|spec| spec.termination_grace_period_seconds);
    Duration::from_secs(u64::try_from(asked.or(own).unwrap_or(30)).unwrap_or(0))
}
