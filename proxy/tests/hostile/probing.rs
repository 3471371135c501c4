//! The proxy finds out itself that a replica is ready.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rouse_api::link::{
    Endpoint, EndpointId, EndpointState, MemberId, ToProxy, ToScaler, WorkloadState,
};
use rouse_api::workload::{Probe, ProbeAction};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::AbortHandle;

use crate::support::{Gateway, Wire, get, id, routed, until};

/// A replica that accepts long before it is ready, and says so at `/healthz`.
struct Slow {
    address: SocketAddr,
    healthy: Arc<AtomicBool>,
    probed: Arc<AtomicUsize>,
    /// Requests that came before it was ready.
    early: Arc<AtomicUsize>,
    task: AbortHandle,
}

impl Slow {
    async fn start() -> Self {
        Self::serve(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    fn serve(listener: TcpListener) -> Self {
        let address = listener.local_addr().unwrap();
        let healthy = Arc::new(AtomicBool::new(false));
        let (probed, early) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let state = (healthy.clone(), probed.clone(), early.clone());
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (healthy, probed, early) = state.clone();
                let answer = move |request: Request<Incoming>| {
                    let healthy = healthy.load(Ordering::SeqCst);
                    let status = if request.uri().path() == "/healthz" {
                        probed.fetch_add(1, Ordering::SeqCst);
                        if healthy { 200 } else { 503 }
                    } else {
                        early.fetch_add(usize::from(!healthy), Ordering::SeqCst);
                        200
                    };
                    let answer = Response::builder().status(status).body(String::new());
                    async { Ok::<_, Infallible>(answer.unwrap()) }
                };
                let io = TokioIo::new(stream);
                tokio::spawn(http1::Builder::new().serve_connection(io, service_fn(answer)));
            }
        });
        Self {
            address,
            healthy,
            probed,
            early,
            task: task.abort_handle(),
        }
    }

    fn probed(&self) -> usize {
        self.probed.load(Ordering::SeqCst)
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn here() -> MemberId {
    MemberId {
        host: "pod-uid".into(),
        instance: 7,
    }
}

fn healthz() -> ProbeAction {
    ProbeAction::HttpGet {
        path: "/healthz".to_owned(),
        headers: Vec::new(),
        port: None,
    }
}

async fn gateway() -> Gateway {
    let member = |config: &mut rouse_proxy::ProxyConfig| config.member = here();
    Gateway::routing(member, vec![routed("hello", |_| {})]).await
}

/// The one replica `a` of `hello`, with a probe.
fn state(
    address: SocketAddr,
    state: EndpointState,
    action: ProbeAction,
    probers: &[MemberId],
) -> ToProxy {
    let probe = Probe {
        action,
        timeout: Duration::from_secs(1),
        period: Duration::from_secs(10),
        success_threshold: 2,
        failure_threshold: 3,
    };
    ToProxy::State(WorkloadState {
        endpoints: vec![Endpoint {
            id: EndpointId("a".into()),
            address,
            state,
            probe: Some(Arc::new(probe)),
            service_account: None,
        }],
        probers: probers.to_vec(),
        ..WorkloadState::empty(id("hello"))
    })
}

fn proven(said: &ToScaler) -> bool {
    matches!(said, ToScaler::Proven { workload, endpoint }
        if *workload == id("hello") && *endpoint.0 == *"a")
}

async fn is(gateway: &Gateway, state: &str) {
    gateway
        .status(
            "hello",
            state,
            |status| matches!(&status.endpoints[..], [one] if one.state == state),
        )
        .await;
}

async fn waiting(gateway: &Gateway) -> Wire {
    let mut client = gateway.wire().await;
    client.send(get("hello")).await;
    gateway.held("hello", 1).await;
    client
}

#[tokio::test]
async fn the_held_leave_when_the_probe_passes_and_not_before() {
    let replica = Slow::start().await;
    let gateway = gateway().await;
    let mut client = waiting(&gateway).await;
    let told = |told| state(replica.address, told, healthz(), &[here()]);
    gateway.tell(told(EndpointState::Starting)).await;
    until("it is tried again and again", || replica.probed() > 5).await;
    gateway.held("hello", 1).await;
    assert_eq!(gateway.said(proven), 0);
    replica.healthy.store(true, Ordering::SeqCst);
    assert_eq!(client.answer().await.status, 200);
    assert_eq!(replica.early.load(Ordering::SeqCst), 0, "it was not ready");
    for _ in 0..3 {
        gateway.says("Proven, repeated", proven).await;
        gateway.forget();
    }
    // This crossed our word.
    gateway.tell(told(EndpointState::Starting)).await;
    assert_eq!(gateway.get("hello").await.status, 200);
    let probed = replica.probed();
    gateway.tell(told(EndpointState::Ready)).await;
    gateway.next_reports(2).await;
    gateway.forget();
    gateway.next_reports(3).await;
    assert_eq!(gateway.said(proven), 0, "it is known");
    assert_eq!(replica.probed(), probed, "the platform looks now");
    replica.healthy.store(false, Ordering::SeqCst);
    gateway.tell(told(EndpointState::Starting)).await;
    is(&gateway, "starting").await;
    let _held = waiting(&gateway).await;
    until("it is tried again", || replica.probed() > probed).await;
    assert_eq!(replica.early.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_port_that_opens_later_is_found() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let gateway = gateway().await;
    let mut client = waiting(&gateway).await;
    let tcp = ProbeAction::TcpSocket { port: None };
    let told = state(address, EndpointState::Starting, tcp, &[here()]);
    gateway.tell(told).await;
    is(&gateway, "starting").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(gateway.said(proven), 0);
    let _replica = Slow::serve(socket.listen(16).unwrap());
    assert_eq!(client.answer().await.status, 200);
    gateway.says("Proven", proven).await;
}

#[tokio::test]
async fn one_that_is_no_prober_leaves_it_alone() {
    let replica = Slow::start().await;
    replica.healthy.store(true, Ordering::SeqCst);
    let gateway = gateway().await;
    let _client = waiting(&gateway).await;
    let other = MemberId {
        instance: 8,
        ..here()
    };
    let told =
        |probers: &[MemberId]| state(replica.address, EndpointState::Starting, healthz(), probers);
    gateway.tell(told(std::slice::from_ref(&other))).await;
    is(&gateway, "starting").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(replica.probed(), 0);
    is(&gateway, "starting").await;
    gateway.tell(told(&[other, here()])).await;
    is(&gateway, "ready").await;
}

#[tokio::test]
async fn one_that_has_gone_is_not_tried_any_more() {
    let replica = Slow::start().await;
    let gateway = gateway().await;
    let told = state(
        replica.address,
        EndpointState::Starting,
        healthz(),
        &[here()],
    );
    gateway.tell(told).await;
    until("it is tried", || replica.probed() > 0).await;
    gateway
        .tell(ToProxy::State(WorkloadState::empty(id("hello"))))
        .await;
    gateway
        .status("hello", "it has gone", |status| status.endpoints.is_empty())
        .await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let probed = replica.probed();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(replica.probed(), probed);
}
