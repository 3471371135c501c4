//! The whole scaler with local processes and a proxy that only speaks.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may"
)]

mod common;

use std::time::Duration;

use common::{HELPER, PATIENCE, hello, platform, process, workload};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use rouse_api::link::{
    Capabilities, EndpointState, MemberId, Report, ToProxy, ToScaler, Wake, WorkloadReport,
    WorkloadState,
};
use rouse_scaler::controller::EventKind;
use rouse_scaler::{LinkEnds, Scaler, ScalerConfig, SessionEnd};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A proxy that is dead when its session ends.
async fn connect(scaler: &Scaler, instance: u64) -> LinkEnds {
    let host = format!("host-{instance}").into();
    scaler
        .connect(
            MemberId { host, instance },
            SessionEnd::Death,
            Capabilities::ALL,
        )
        .await
}

async fn next(ends: &mut LinkEnds) -> ToProxy {
    timeout(PATIENCE, ends.from_scaler.recv())
        .await
        .expect("a message")
        .expect("a session")
}

async fn state(ends: &mut LinkEnds, which: impl Fn(&WorkloadState) -> bool) -> WorkloadState {
    loop {
        match next(ends).await {
            ToProxy::State(state) if which(&state) => return state,
            _ => {}
        }
    }
}

fn is_ready(state: &WorkloadState) -> bool {
    state
        .endpoints
        .iter()
        .any(|endpoint| endpoint.state == EndpointState::Ready)
}

async fn report(ends: &LinkEnds, sequence: u64, idle_for: Duration) {
    let workload = WorkloadReport {
        workload: hello(),
        in_flight_seconds: 0.0,
        held_seconds: 0.0,
        requests: 0,
        in_flight: 0,
        held: 0,
        idle_for,
    };
    let (length, workloads) = (Duration::from_millis(50), vec![workload]);
    let report = Report {
        whole: true,
        sequence,
        length,
        workloads,
    };
    ends.to_scaler.send(ToScaler::Report(report)).await.unwrap();
}

#[tokio::test]
async fn wakes_for_a_request_and_sleeps_again() {
    let mut registry = Registry::default();
    let scaler = Scaler::start(ScalerConfig::default(), platform(), &mut registry);
    let mut events = scaler.events();
    scaler
        .apply(vec![workload(process(&[HELPER, "listen"]))])
        .await;
    let mut ends = connect(&scaler, 1).await;
    assert_eq!(next(&mut ends).await, ToProxy::Role { leads: Some(0) });
    assert!(
        matches!(next(&mut ends).await, ToProxy::Routes(routes) if routes.workloads.len() == 1)
    );
    assert_eq!(next(&mut ends).await, ToProxy::Synced);

    let (workload, held, oldest) = (hello(), 1, Duration::ZERO);
    for _ in 0..20 {
        let workload = workload.clone();
        ends.to_scaler
            .send(ToScaler::Wake(Wake {
                workload,
                held,
                oldest,
                by: None,
            }))
            .await
            .unwrap();
    }
    let awake = state(&mut ends, is_ready).await;
    assert_eq!((awake.endpoints.len(), &awake.failure), (1, &None));
    TcpStream::connect(awake.endpoints[0].address)
        .await
        .unwrap();
    let status = scaler.status().await;
    assert_eq!(
        (
            status.sessions,
            status.workloads[0].phase,
            status.workloads[0].ready
        ),
        (1, "awake", 1)
    );
    assert!(status.workloads[0].last_wake.is_some());

    report(&ends, 1, Duration::ZERO).await;
    let epoch = loop {
        match next(&mut ends).await {
            ToProxy::Quiesce { epoch, .. } => break epoch,
            _ => continue,
        }
    };
    ends.to_scaler
        .send(ToScaler::Quiesced { workload, epoch })
        .await
        .unwrap();
    loop {
        if let ToProxy::Asleep { epoch: slept, .. } = next(&mut ends).await {
            assert_eq!(slept, epoch);
            break;
        }
    }
    let mut kinds = Vec::new();
    while let Ok(event) = events.try_recv() {
        kinds.push(event.kind);
    }
    assert!(
        matches!(
            kinds[..],
            [
                EventKind::Waking { .. },
                EventKind::Woke(_),
                EventKind::Slept { .. }
            ]
        ),
        "{kinds:?}"
    );
    assert_eq!(scaler.status().await.workloads[0].phase, "asleep");
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    assert!(
        text.contains(r#"rouse_scaler_wakes_total{workload="default/hello",outcome="ready"} 1"#),
        "{text}"
    );
    assert!(
        text.contains(r#"rouse_scaler_sleeps_total{workload="default/hello"} 1"#),
        "{text}"
    );
    assert!(
        text.contains(r#"rouse_scaler_replicas{workload="default/hello",state="desired"} 0"#),
        "{text}"
    );
    serde_json::to_string(&scaler.status().await).unwrap();

    scaler.apply(Vec::new()).await;
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    assert!(!text.contains("hello"), "{text}");
    scaler.shutdown().await;
}

#[tokio::test]
async fn a_failure_reaches_the_proxies() {
    let mut registry = Registry::default();
    let scaler = Scaler::start(ScalerConfig::default(), platform(), &mut registry);
    scaler
        .apply(vec![workload(process(&["/no/such/program"]))])
        .await;
    let mut ends = connect(&scaler, 1).await;
    let (workload, held, oldest) = (hello(), 1, Duration::ZERO);
    ends.to_scaler
        .send(ToScaler::Wake(Wake {
            workload,
            held,
            oldest,
            by: None,
        }))
        .await
        .unwrap();
    let failed = state(&mut ends, |state| state.failure.is_some()).await;
    assert_eq!(failed.failure.unwrap().reason, "StartError");
    assert_eq!(scaler.status().await.workloads[0].phase, "failed");
    scaler.shutdown().await;
}

#[tokio::test]
async fn a_session_ends_with_its_ends_and_all_end_with_the_scaler() {
    let mut registry = Registry::default();
    let scaler = Scaler::start(ScalerConfig::default(), platform(), &mut registry);
    let first = connect(&scaler, 1).await;
    let LinkEnds {
        to_scaler,
        mut from_scaler,
    } = connect(&scaler, 2).await;
    assert_eq!(scaler.status().await.sessions, 2);
    drop(first.from_scaler);
    let closed = async {
        while scaler.status().await.sessions != 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, closed).await.unwrap();
    scaler.shutdown().await;
    timeout(PATIENCE, async {
        while from_scaler.recv().await.is_some() {}
    })
    .await
    .unwrap();
    assert!(to_scaler.is_closed());
    assert!(connect(&scaler, 1).await.to_scaler.is_closed());
    assert_eq!(scaler.status().await.workloads, []);
}

#[tokio::test]
async fn a_lost_proxy_stays_a_member_and_roles_and_changes_are_told() {
    let mut registry = Registry::default();
    let config = ScalerConfig {
        leads: None,
        ..ScalerConfig::default()
    };
    let scaler = Scaler::start(config, platform(), &mut registry);
    scaler
        .apply(vec![workload(process(&[HELPER, "listen"]))])
        .await;
    let changed = timeout(PATIENCE, scaler.changed()).await.unwrap();
    assert!(changed.contains(&hello()));
    let id = |instance| MemberId {
        host: "pod".into(),
        instance,
    };
    let mut ends = scaler
        .connect(id(1), SessionEnd::Silence, Capabilities::ALL)
        .await;
    assert_eq!(next(&mut ends).await, ToProxy::Role { leads: None });
    scaler.lead(Some(7)).await;
    loop {
        if next(&mut ends).await == (ToProxy::Role { leads: Some(7) }) {
            break;
        }
    }
    timeout(PATIENCE, scaler.changed()).await.unwrap();
    let status = scaler.workload_status(&hello()).await.unwrap();
    assert_eq!(status.phase, "asleep");
    drop(ends);
    let lost = async {
        while scaler.status().await.members.disconnected != 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, lost).await.unwrap();
    let mut first = scaler
        .connect(id(1), SessionEnd::Silence, Capabilities::ALL)
        .await;
    let _second = scaler
        .connect(id(2), SessionEnd::Silence, Capabilities::ALL)
        .await;
    let closed = async { while first.from_scaler.recv().await.is_some() {} };
    timeout(PATIENCE, closed).await.unwrap();
    scaler
        .live_hosts(["pod".into(), "other".into()].into())
        .await;
    let status = scaler.status().await;
    assert_eq!((status.sessions, status.leads), (1, Some(7)));
    assert_eq!((status.members.silent, status.members.expected), (1, 1));
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    assert!(text.contains("rouse_scaler_leader 1"), "{text}");
    scaler.shutdown().await;
}
