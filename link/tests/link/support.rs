//! What the tests share.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use rouse_api::link::*;
use rouse_api::workload::{Http, WorkloadId};
use rouse_link::client::{self, ClientConfig, ConnectionState, Link, Timing};
use rouse_link::server::{self, Server, ServerConfig, SessionEnds, Sessions};
use rouse_link::tls::TlsConfig;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// For what must happen.
pub const LONG: Duration = Duration::from_secs(20);
/// For what must not.
pub const SHORT: Duration = Duration::from_millis(150);

pub fn id(name: &str) -> WorkloadId {
    WorkloadId::new("default", name)
}

pub fn member() -> MemberId {
    MemberId {
        host: "pod-uid".into(),
        instance: 7,
    }
}

pub fn routes(version: u64, names: &[String]) -> ToProxy {
    let routed = |name: &String| RoutedWorkload {
        id: id(name),
        http: Arc::new(Http::new(Vec::new())),
        rank: 0,
    };
    let mut workloads: Vec<_> = names.iter().map(routed).collect();
    workloads.sort_by(|a, b| a.id.cmp(&b.id));
    ToProxy::Routes(Arc::new(Routes { version, workloads }))
}

pub fn state(name: &str, endpoint: &str) -> WorkloadState {
    let mut state = WorkloadState::empty(id(name));
    state.endpoints.push(Endpoint {
        id: EndpointId(endpoint.into()),
        address: SocketAddr::from(([10, 244, 0, 1], 8080)),
        state: EndpointState::Ready,
        probe: None,
        service_account: None,
    });
    state
}

pub fn wake(name: &str) -> ToScaler {
    ToScaler::Wake(Wake {
        workload: id(name),
        held: 1,
        oldest: Duration::ZERO,
        by: None,
    })
}

pub fn report(whole: bool, requests: u64) -> ToScaler {
    ToScaler::Report(Report {
        sequence: 0,
        length: Duration::from_secs(1),
        whole,
        workloads: vec![WorkloadReport {
            workload: id("a"),
            in_flight_seconds: 0.0,
            held_seconds: 0.0,
            requests,
            in_flight: 0,
            held: 0,
            idle_for: Duration::ZERO,
        }],
    })
}

/// One session, as its scaler has it.
pub struct Session {
    pub member: MemberId,
    pub capabilities: Capabilities,
    pub say: mpsc::Sender<ToProxy>,
    pub hear: mpsc::Receiver<ToScaler>,
}

impl Session {
    pub async fn say(&self, message: ToProxy) {
        timeout(LONG, self.say.send(message))
            .await
            .expect("the link takes nothing")
            .expect("the session is closed");
    }

    /// A whole snapshot.
    pub async fn tell(&self, leads: Option<Term>, names: &[&str], states: &[WorkloadState]) {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        self.say(ToProxy::Role { leads }).await;
        self.say(routes(1, &names)).await;
        for state in states {
            self.say(ToProxy::State(state.clone())).await;
        }
        self.say(ToProxy::Synced).await;
    }

    /// What the proxy says next; `None`: the session has ended.
    pub async fn heard(&mut self) -> Option<ToScaler> {
        timeout(LONG, self.hear.recv())
            .await
            .expect("nothing heard")
    }

    pub async fn closed(&self) {
        timeout(LONG, self.say.closed())
            .await
            .expect("the session stays open");
    }
}

struct Hand(mpsc::Sender<Session>);

impl Sessions for Hand {
    async fn open(&self, member: MemberId, capabilities: Capabilities) -> Option<SessionEnds> {
        let (to_scaler, hear) = mpsc::channel(16);
        let (say, from_scaler) = mpsc::channel(16);
        let session = Session {
            member,
            capabilities,
            say,
            hear,
        };
        self.0.send(session).await.ok()?;
        Some((to_scaler, from_scaler))
    }
}

/// A scaler with a link.
pub struct Scaler {
    pub server: Server,
    pub sessions: mpsc::Receiver<Session>,
}

impl Scaler {
    pub async fn start() -> Self {
        Self::with(TlsConfig::Insecure, SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    pub async fn with(tls: TlsConfig, listen: SocketAddr) -> Self {
        let mut config = ServerConfig::new(listen, tls);
        config.name = "scaler-0".to_owned();
        config.heartbeat = Duration::from_millis(100);
        config.stop_timeout = LONG;
        config.handshake_timeout = Duration::from_secs(2);
        let (hand, sessions) = mpsc::channel(16);
        let server = server::serve(config, Hand(hand), &mut Registry::default())
            .await
            .expect("serves");
        Self { server, sessions }
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub async fn session(&mut self) -> Session {
        timeout(LONG, self.sessions.recv())
            .await
            .expect("no session")
            .expect("ended")
    }
}

/// A proxy's end.
pub struct Proxy {
    pub say: mpsc::Sender<ToScaler>,
    pub hear: mpsc::Receiver<ToProxy>,
    pub link: Link,
}

pub fn timing() -> Timing {
    Timing {
        resolve_unconnected: Duration::from_millis(100),
        backoff_first: Duration::from_millis(10),
        backoff_most: Duration::from_millis(50),
        silence: Duration::from_secs(2),
        leave: LONG,
        ..Timing::default()
    }
}

impl Proxy {
    pub async fn start(scalers: &[SocketAddr]) -> Self {
        Self::with(config(scalers)).await
    }

    pub async fn with(config: ClientConfig) -> Self {
        let (ends, link) = client::connect(config, &mut Registry::default())
            .await
            .expect("connects");
        Self {
            say: ends.to_scaler,
            hear: ends.from_scaler,
            link,
        }
    }

    pub async fn say(&self, message: ToScaler) {
        timeout(LONG, self.say.send(message))
            .await
            .expect("the link takes nothing")
            .expect("the link has ended");
    }

    /// What the proxy is told next, but for the wish for a whole report.
    pub async fn heard(&mut self) -> ToProxy {
        loop {
            match self.heard_any().await {
                ToProxy::ReportWhole => {}
                message => return message,
            }
        }
    }

    pub async fn heard_any(&mut self) -> ToProxy {
        let message = timeout(LONG, self.hear.recv()).await;
        message.expect("nothing heard").expect("the link has ended")
    }

    /// Takes messages until this one.
    pub async fn until(&mut self, wanted: &ToProxy) -> Vec<ToProxy> {
        let mut before = Vec::new();
        loop {
            let message = self.heard().await;
            if message == *wanted {
                return before;
            }
            before.push(message);
        }
    }

    pub async fn quiet(&mut self) {
        while let Ok(message) = timeout(SHORT, self.hear.recv()).await {
            assert_eq!(message, Some(ToProxy::ReportWhole));
        }
    }

    /// Waits until this many scalers are synced.
    pub async fn synced(&self, count: usize) {
        self.wait(|link| {
            let scalers = link.status().scalers;
            let synced = |scaler: &&client::ScalerStatus| scaler.state == ConnectionState::Synced;
            scalers.iter().filter(synced).count() == count
        })
        .await;
    }

    pub async fn wait(&self, done: impl Fn(&Link) -> bool) {
        let wait = async {
            while !done(&self.link) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = timeout(LONG, wait).await;
        assert!(waited.is_ok(), "not so: {:?}", self.link.status());
    }

    /// Waits until the last try has failed for this reason.
    pub async fn fails(&self, reason: &str) {
        self.wait(|link| {
            let scalers = link.status().scalers;
            let why = |scaler: &client::ScalerStatus| {
                let error = scaler.error.as_deref();
                error.is_some_and(|error| error.contains(reason))
            };
            scalers.iter().any(why)
        })
        .await;
    }
}

pub fn config(scalers: &[SocketAddr]) -> ClientConfig {
    let scalers = scalers.iter().map(ToString::to_string).collect();
    let mut config = ClientConfig::new(scalers, member(), TlsConfig::Insecure);
    config.timing = timing();
    config
}
