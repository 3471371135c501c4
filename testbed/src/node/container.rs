//! One container: started, watched, started again, ended.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Container;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::backoff::{Backoff, scaled};
use super::context::Context;
use super::env::{self, Found};
use super::expand::expand;
use super::fields::Facts;
use super::phase::restarts;
use super::process::{Launch, Process, code};
use super::state::{Now, PodState, Terminated, spec};
use super::stop::{Ending, ordered, stop};
use super::volumes::Volumes;

/// Between looks for a ConfigMap or Secret that is missing.
const RETRY: Duration = Duration::from_secs(1);
/// How long a failed pull is told as such before its wait is.
const PULL_TOLD: Duration = Duration::from_secs(1);

/// What runs one container of a pod.
pub(crate) struct Supervisor {
    pub(crate) context: Arc<Context>,
    pub(crate) state: Arc<PodState>,
    pub(crate) container: Container,
    pub(crate) init: bool,
    pub(crate) facts: Facts,
    pub(crate) volumes: Arc<Volumes>,
    /// The pod's folder.
    pub(crate) root: PathBuf,
    pub(crate) ending: Ending,
    pub(crate) unhealthy: Arc<Notify>,
    /// Told once the first start has been tried.
    pub(crate) tried: Option<oneshot::Sender<()>>,
}

impl Supervisor {
    /// Runs the container until it must not start again; its last exit code, if it ever ran.
    pub(crate) async fn run(mut self) -> Option<i32> {
        let mut backoff = Backoff::default();
        let mut last = None;
        loop {
            let argv = self.pull().await?;
            let launch = self.configure(argv).await?;
            let end = self.once(&launch, last.is_some()).await;
            let exit = end.code;
            last = Some(exit);
            let object = self.state.object();
            let again =
                spec(&object).is_some_and(|spec| restarts(spec, &self.container, self.init, exit));
            if !again || self.ending.borrow().is_some() {
                return last;
            }
            let told = backoff.failed(Instant::now());
            if !told.is_zero() {
                let message = format!(
                    "back-off {}s restarting failed container={} pod={}_{}({})",
                    told.as_secs(),
                    self.container.name,
                    self.state.name,
                    self.state.namespace,
                    self.state.uid
                );
                self.state.update_container(&self.container.name, |seen| {
                    seen.last = Some(end);
                    seen.now = Now::waiting("CrashLoopBackOff", message);
                });
            }
            if self.ended_within(told, true).await {
                return last;
            }
        }
    }

    /// Waits; whether the pod must end meanwhile.
    async fn ended_within(&mut self, wait: Duration, scale: bool) -> bool {
        let factor = self.context.knobs.read(|settings| settings.backoff_factor);
        let wait = if scale { scaled(wait, factor) } else { wait };
        tokio::select! {
            biased;
            _ = ordered(&mut self.ending) => true,
            () = tokio::time::sleep(wait) => false,
        }
    }

    fn set(&self, now: Now) {
        self.state
            .update_container(&self.container.name, |seen| seen.now = now);
    }

    /// Waits with a reason; the first start counts as tried.
    fn wait_for(&mut self, reason: &str, message: String) {
        self.set(Now::waiting(reason, message));
        self.tried();
    }

    fn tried(&mut self) {
        if let Some(tried) = self.tried.take() {
            // Nobody waits any more when the pod ends.
            let _ = tried.send(());
        }
    }

    /// What the image starts, once it can be pulled; `None` when the pod must end.
    async fn pull(&mut self) -> Option<Vec<OsString>> {
        let image = self.container.image.clone().unwrap_or_default();
        let mut backoff = Backoff::waiting();
        loop {
            let found = self
                .context
                .knobs
                .read(|settings| settings.images.get(&image).cloned());
            if found.is_some() {
                return found;
            }
            let message = format!("failed to pull image {image:?}: this node does not know it");
            self.wait_for("ErrImagePull", message);
            if self.ended_within(PULL_TOLD, true).await {
                return None;
            }
            self.wait_for(
                "ImagePullBackOff",
                format!("Back-off pulling image {image:?}"),
            );
            let told = backoff.failed(Instant::now());
            if self.ended_within(told, true).await {
                return None;
            }
        }
    }

    /// All that the process needs, once it is there; `None` when the pod must end.
    async fn configure(&mut self, argv: Vec<OsString>) -> Option<Launch> {
        loop {
            match self.launch(argv.clone()).await {
                Ok(launch) => return Some(launch),
                Err(message) => self.wait_for("CreateContainerConfigError", message),
            }
            if self.ended_within(RETRY, false).await {
                return None;
            }
        }
    }

    async fn launch(&self, image: Vec<OsString>) -> Result<Launch, String> {
        let mut found = Found::new();
        let keys: BTreeSet<_> = env::references(&self.state.namespace, &self.container);
        for key in keys {
            if let Some(data) = self.context.objects.get(&key).data().await {
                found.insert(key, data);
            }
        }
        let pod = self.state.object();
        let base = self.context.base_env();
        let env = env::resolve(&pod, &self.container, &self.facts, &base, &found)?;
        let expanded = |texts: &Option<Vec<String>>| {
            let texts = texts.iter().flatten();
            let known = |name: &str| env.get(name).cloned();
            let texts = texts.map(|text| OsString::from(expand(text, known)));
            texts.collect::<Vec<_>>()
        };
        let command = expanded(&self.container.command);
        let mut argv = if command.is_empty() { image } else { command };
        argv.extend(expanded(&self.container.args));
        let dir = self.container.working_dir.clone();
        Ok(Launch {
            argv,
            dir: PathBuf::from(dir.unwrap_or_else(|| "/".to_owned())),
            mounts: self.volumes.mounts(&self.container, &self.root)?,
            root: self.root.clone(),
            log: self.context.log(
                &self.state.namespace,
                &self.state.name,
                &self.container.name,
            ),
            env,
        })
    }

    /// One run of the process, from its start to its end.
    async fn once(&mut self, launch: &Launch, again: bool) -> Terminated {
        // What was said of an earlier run.
        let _ = self.unhealthy.notified().now_or_never();
        let started_at = Timestamp::now();
        let since = Instant::now();
        let started = Process::start(launch);
        let mut id = None;
        self.state.update_container(&self.container.name, |seen| {
            if let Now::Terminated(end) = &seen.now {
                seen.last = Some(end.clone());
            }
            seen.restarts += i32::from(again);
            (seen.startup, seen.readiness) = (false, false);
            let run = format!(
                "process://{}/{}/{}",
                self.state.uid, self.container.name, seen.restarts
            );
            seen.id = Some(run.clone());
            id = Some(run);
            if let Ok(process) = &started {
                seen.pid = Some(process.pid().as_raw_nonzero().get());
                seen.now = Now::Running {
                    at: started_at,
                    since,
                };
            }
        });
        let ended = match started {
            Ok(mut process) => {
                self.tried();
                self.until_end(&mut process).await
            }
            Err(error) => Err(error),
        };
        self.state
            .update_container(&self.container.name, |seen| seen.pid = None);
        let (code, reason, message) = match ended {
            Ok(status) if status.success() => (0, "Completed", String::new()),
            Ok(status) => (code(status), "Error", String::new()),
            // containerd's code for what could not be started.
            Err(error) => (
                128,
                "StartError",
                format!("{:?}: {error}", launch.argv.first()),
            ),
        };
        let end = Terminated {
            code,
            reason: reason.to_owned(),
            message,
            id,
            started_at,
            finished_at: Timestamp::now(),
        };
        self.set(Now::Terminated(end.clone()));
        self.tried();
        end
    }

    async fn until_end(
        &mut self,
        process: &mut Process,
    ) -> std::io::Result<std::process::ExitStatus> {
        let mut ending = self.ending.clone();
        let deadline = tokio::select! {
            status = process.wait() => return status,
            deadline = ordered(&mut self.ending) => deadline,
            () = self.unhealthy.notified() => Instant::now() + self.grace(),
        };
        stop(
            process,
            &self.container,
            self.facts.pod_ip,
            deadline,
            &mut ending,
        )
        .await
    }

    /// How long an unhealthy container may take to end.
    fn grace(&self) -> Duration {
        let pod = self.state.object();
        let probes = [
            &self.container.liveness_probe,
            &self.container.startup_probe,
        ];
        let own = probes
            .into_iter()
            .flatten()
            .find_map(|probe| probe.termination_grace_period_seconds);
        let pods = spec(&pod).and_then(|spec| spec.termination_grace_period_seconds);
        let seconds = own.or(pods).unwrap_or(30);
        Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
    }
}
