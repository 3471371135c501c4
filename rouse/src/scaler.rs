//! `rouse scaler`: the control plane alone, in a cluster.

mod keys;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use prometheus_client::registry::Registry;
use rouse_api::link::{Capabilities, MemberId, Term};
use rouse_api::workload::WorkloadId;
use rouse_kubernetes::events;
use rouse_kubernetes::facts::Objects;
use rouse_kubernetes::front::{self, FrontConfig, Fronts};
use rouse_kubernetes::lease::{self, LeaseConfig, Reign};
use rouse_kubernetes::members::{self, KnownPods, MembersConfig};
use rouse_kubernetes::platform::{self, KubernetesPlatform, Readiness, WatchConfig, Workloads};
use rouse_kubernetes::status::{self, KubeSink, Limits, Scaled};
use rouse_link::server::{self, Server, ServerConfig, SessionEnds, Sessions};
use rouse_scaler::{
    DecisionHistory, Scaler, ScalerConfig, ScalerStatus, SessionEnd, WorkloadStatus,
};
use serde::Serialize;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::admin::{Admin, Answers, Subject};
use crate::cli::ScalerArgs;
use crate::error::Error;
use crate::signals::Signals;
use keys::Keys;

/// The container of a proxy's Pod that is the proxy.
const PROXY_CONTAINER: &str = "proxy";

/// Until a signal.
pub(crate) fn run(args: &ScalerArgs) -> Result<(), Error> {
    args.log.start();
    // Fails only when there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = crate::runtime(2)?;
    let served = runtime.block_on(Box::pin(serve(args)));
    runtime.shutdown_background();
    served
}

async fn serve(args: &ScalerArgs) -> Result<(), Error> {
    let mut signals = Signals::new()?;
    let mut registry = Registry::default();
    let admin = Admin::bind(args.admin.address).await?;
    let (control, watched) = Control::start(args, &mut registry).await?;
    let control = Arc::new(control);
    tracing::info!("admin listening on http://{}", admin.address());
    // The link's metrics are registered before anybody can read them.
    let link = tokio::select! {
        link = control.open(args, watched, &mut registry) => link?,
        signal = signals.next() => {
            return Err(Error::Failed(format!("rouse: {signal} before the cluster was known: {}", control.missing().join("; "))));
        }
        never = unready(&control) => match never {},
    };
    let admin = tokio::spawn(admin.serve(Answers::new(control.clone(), registry)));
    let signal = signals.next().await;
    tracing::info!("{signal}: giving the lease back; replicas stay as they are");
    let stopped = tokio::select! {
        () = control.stop(link) => Ok(()),
        signal = signals.next() => Err(Error::Failed(format!("rouse: ended at once by a second signal ({signal})"))),
    };
    admin.abort();
    stopped
}

/// Says now and then what is waited for.
async fn unready(control: &Control) -> std::convert::Infallible {
    loop {
        tokio::time::sleep(std::time::Duration::from_secs(10)).await;
        tracing::warn!(
            "not ready: the cluster is not known yet: {}",
            control.missing().join("; ")
        );
    }
}

/// A scaler with what it knows of the cluster.
struct Control {
    scaler: Arc<Scaler>,
    client: kube::Client,
    readiness: Readiness,
    keys: Keys,
    leads: watch::Sender<bool>,
    open: AtomicBool,
    stop: CancellationToken,
}

/// What is read once all is known.
struct Watched {
    workloads: Workloads,
    objects: Objects,
    hosts: mpsc::Receiver<BTreeSet<Arc<str>>>,
    pods: KnownPods,
    reign: Reign,
}

/// What ends with the process.
struct Link {
    server: Server,
    term: watch::Receiver<Option<Term>>,
}

/// What `/status` says.
#[derive(Serialize)]
struct Status {
    scaler: ScalerStatus,
    /// What is not known yet of the cluster.
    missing: Vec<String>,
}

impl Control {
    /// Begins to watch the cluster.
    async fn start(args: &ScalerArgs, registry: &mut Registry) -> Result<(Self, Watched), Error> {
        let client = rouse_kubernetes::client::infer().await;
        let client = client.map_err(|error| Error::Failed(format!("rouse: {error}")))?;
        let stop = CancellationToken::new();
        let keys = Keys::start(args, &client, registry, &stop)?;
        let (leads, led) = watch::channel(false);
        let reign = Reign::default();
        let config = WatchConfig {
            class: args.class.as_ref().map(ToString::to_string),
            adoption: args.keda.adoption(),
            namespaces: (!args.namespaces.is_empty()).then(|| args.namespaces.clone()),
            grants: args.host_grants.iter().cloned().collect(),
            fronts: args.front_ports.clone(),
            ..WatchConfig::default()
        };
        let (platform, workloads, objects, readiness) =
            platform::start(client.clone(), &config, led, reign.clone());
        let config = ScalerConfig {
            leads: None,
            ..args.scaler()
        };
        let scaler = Arc::new(Scaler::start::<KubernetesPlatform>(
            config, platform, registry,
        ));
        let proxies = MembersConfig {
            namespace: args.proxies.namespace.clone(),
            selector: args.proxies.name.clone(),
            container: PROXY_CONTAINER.to_owned(),
        };
        let (hosts, pods) = members::run(client.clone(), proxies, stop.clone());
        let control = Self {
            scaler,
            client,
            readiness,
            keys,
            leads,
            open: AtomicBool::new(false),
            stop,
        };
        Ok((
            control,
            Watched {
                workloads,
                objects,
                hosts,
                pods,
                reign,
            },
        ))
    }

    /// Once the whole cluster is known: takes proxies, and stands for election. What is told or decided is never of half a list.
    async fn open(
        self: &Arc<Self>,
        args: &ScalerArgs,
        mut watched: Watched,
        registry: &mut Registry,
    ) -> Result<Link, Error> {
        self.scaler.apply(watched.workloads.next().await).await;
        if let Some(hosts) = watched.hosts.recv().await {
            self.scaler.live_hosts(hosts).await;
        }
        let mut config = ServerConfig::new(args.listen, self.keys.tls().await);
        config.name.clone_from(&args.identity);
        let sessions = Opener(self.scaler.clone());
        let server = server::serve(config, sessions, registry).await;
        let server = server.map_err(|error| Error::Failed(format!("rouse: {error}")))?;
        tracing::info!("link listening on {}", server.address());
        let lease = LeaseConfig::new(&args.lease.namespace, &args.lease.name, &args.identity);
        let fronts = watched.workloads.fronts();
        let reign = watched.reign.clone();
        // Above what proxies know: a Lease that was deleted has forgotten the terms before.
        let known = server.terms();
        let term = lease::run(
            self.client.clone(),
            lease,
            known,
            watched.reign,
            self.stop.clone(),
        );
        self.keep_fronts(args, (fronts, watched.pods, reign), term.clone());
        tokio::spawn(self.clone().follow_workloads(watched.workloads));
        tokio::spawn(self.clone().follow_hosts(watched.hosts));
        tokio::spawn(self.clone().follow_lease(term.clone()));
        tokio::spawn(self.clone().follow_changes(watched.objects.clone()));
        tokio::spawn(events::run(
            self.client.clone(),
            watched.objects.clone(),
            self.scaler.events(),
            self.leads.subscribe(),
            args.identity.clone(),
            self.stop.clone(),
        ));
        tokio::spawn(status::run(
            watched.objects,
            Known(self.scaler.clone()),
            KubeSink::new(self.client.clone()),
            Limits::default(),
            term.clone(),
            self.stop.clone(),
        ));
        self.open.store(true, Ordering::Relaxed);
        Ok(Link { server, term })
    }

    /// Leads the callers of fronts to the proxies, where there are ports for that.
    fn keep_fronts(
        &self,
        args: &ScalerArgs,
        (fronts, pods, reign): (Fronts, KnownPods, Reign),
        term: watch::Receiver<Option<Term>>,
    ) {
        if let Some(range) = args.front_ports.clone() {
            let config = FrontConfig {
                range,
                pods,
                listening: self.scaler.listening(),
                reign,
            };
            let client = self.client.clone();
            tokio::spawn(front::run(client, fronts, config, term, self.stop.clone()));
        }
    }

    async fn follow_workloads(self: Arc<Self>, mut workloads: Workloads) {
        loop {
            self.scaler.apply(workloads.next().await).await;
        }
    }

    async fn follow_hosts(self: Arc<Self>, mut hosts: mpsc::Receiver<BTreeSet<Arc<str>>>) {
        while let Some(hosts) = hosts.recv().await {
            self.scaler.live_hosts(hosts).await;
        }
    }

    /// What the scaler says of a workload belongs into its object's status.
    async fn follow_changes(self: Arc<Self>, objects: Objects) {
        loop {
            for id in self.scaler.changed().await {
                objects.touch(id);
            }
        }
    }

    async fn follow_lease(self: Arc<Self>, mut term: watch::Receiver<Option<Term>>) {
        loop {
            let leads = *term.borrow_and_update();
            match leads {
                Some(term) => tracing::info!(term, "leads"),
                None => tracing::info!("follows"),
            }
            self.scaler.lead(leads).await;
            self.leads.send_replace(leads.is_some());
            if term.changed().await.is_err() {
                return;
            }
        }
    }

    /// What is waited for before proxies are taken.
    fn missing(&self) -> Vec<String> {
        let mut missing = self.readiness.missing();
        missing.extend(self.keys.missing());
        missing
    }

    /// Leads no more before anything else ends, so that another can.
    async fn stop(&self, link: Link) {
        self.open.store(false, Ordering::Relaxed);
        // What is being lowered is given up before another may lead.
        self.scaler.lead(None).await;
        self.stop.cancel();
        lease::released(link.term).await;
        link.server.shutdown().await;
        self.scaler.shutdown().await;
    }
}

impl Subject for Control {
    type Status = Status;

    fn ready(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    async fn status(&self) -> Status {
        Status {
            scaler: self.scaler.status().await,
            missing: self.missing(),
        }
    }

    async fn history(&self, workload: &WorkloadId) -> Option<DecisionHistory> {
        self.scaler.history(workload).await
    }
}

/// Opens sessions; that one ends is no proof that its proxy is dead.
struct Opener(Arc<Scaler>);

impl Sessions for Opener {
    async fn open(&self, member: MemberId, capabilities: Capabilities) -> Option<SessionEnds> {
        let opening = self.0.connect(member, SessionEnd::Silence, capabilities);
        let ends = opening.await;
        (!ends.to_scaler.is_closed()).then_some((ends.to_scaler, ends.from_scaler))
    }
}

/// For the status of each object.
struct Known(Arc<Scaler>);

impl Scaled for Known {
    async fn status(&self, id: &WorkloadId) -> Option<WorkloadStatus> {
        self.0.workload_status(id).await
    }
}
