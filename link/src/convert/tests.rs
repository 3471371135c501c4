use std::sync::Arc;
use std::time::Duration;

use prost::Message;
use rouse_api::link::*;
use rouse_api::workload::{
    Dial, Front, HeaderMatch, HostPattern, Http, PathPrefix, Probe, ProbeAction, Protocol,
    Readiness, Respond, Route, Rule, RuleAction, RuleMatch, Service, ServicePort, Tls, TlsFiles,
    WakeRequires, WhileWaking, WorkloadId,
};

use super::{
    FromScaler, read_from_proxy, read_from_scaler, read_routed, write_from_proxy,
    write_from_scaler, write_routed,
};
use crate::wire::{self, from_proxy, from_scaler};

fn hello() -> WorkloadId {
    WorkloadId::new("default", "hello")
}

fn endpoint(id: &str, state: EndpointState, action: Option<ProbeAction>) -> Endpoint {
    Endpoint {
        id: EndpointId(id.into()),
        address: "[fd00::1]:8080".parse().unwrap(),
        state,
        service_account: Some("hello".into()),
        probe: action.map(|action| {
            Arc::new(Probe {
                action,
                timeout: Duration::from_secs(1),
                period: Duration::from_secs(10),
                success_threshold: 1,
                failure_threshold: 3,
            })
        }),
    }
}

fn full_state() -> WorkloadState {
    let get = ProbeAction::HttpGet {
        path: "/ready?x=1".to_owned(),
        headers: vec![("x-probe".to_owned(), "1".to_owned())],
        port: Some(8081),
    };
    let grpc = ProbeAction::Grpc {
        service: "hello".to_owned(),
        port: None,
    };
    let exec = ProbeAction::Exec {
        command: vec!["true".to_owned()],
    };
    let failure = |reason: &str| Failure {
        reason: reason.to_owned(),
        message: "why".to_owned(),
    };
    WorkloadState {
        workload: hello(),
        endpoints: vec![
            endpoint("a", EndpointState::Starting, Some(get)),
            endpoint("b", EndpointState::Ready, None),
            endpoint("c", EndpointState::Draining, Some(grpc)),
            endpoint("d", EndpointState::Starting, Some(exec)),
            endpoint(
                "e",
                EndpointState::Starting,
                Some(ProbeAction::TcpSocket { port: None }),
            ),
        ],
        failure: Some(failure("CrashLoopBackOff")),
        progress: Some(failure("Unschedulable")),
        service: Some("10.96.0.1:80".parse().unwrap()),
        probers: vec![MemberId {
            host: "uid".into(),
            instance: u64::MAX,
        }],
        fallback: Some(Fallback {
            address: "10.96.0.9:80".parse().unwrap(),
            protocol: Protocol::H2c,
        }),
    }
}

pub(crate) fn routed(name: &str, rank: i64) -> RoutedWorkload {
    let route = Route {
        hosts: vec![
            HostPattern::parse("*.example.com").unwrap(),
            HostPattern::parse(&format!("{name}.example.com")).unwrap(),
            HostPattern::Any,
        ],
        path_prefixes: vec![PathPrefix::parse("/v1").unwrap(), PathPrefix::default()],
        headers: vec![
            ("x-a".to_owned(), HeaderMatch::Present),
            ("x-b".to_owned(), HeaderMatch::Exact("1".to_owned())),
        ],
    };
    RoutedWorkload {
        id: WorkloadId::new("default", name),
        http: Arc::new(Http::new(vec![route])),
        rank,
    }
}

fn full_owned(endpoint: EndpointId) -> Owned {
    Owned {
        term: 3,
        sequence: 9,
        whole: true,
        workloads: vec![OwnedOf {
            workload: hello(),
            sequence: 8,
            whole: true,
            wanted: 4,
            oldest: Duration::from_millis(5),
            returned: 6,
            accounts: vec![Account {
                endpoint,
                number: 7,
                owned: 2,
                granted: u64::MAX,
            }],
        }],
    }
}

fn full_granted() -> Granted {
    let given = |most| Given {
        endpoint: EndpointId("pod".into()),
        number: 7,
        granted: 3,
        most,
    };
    Granted {
        workload: hello(),
        term: 3,
        recall: Recall {
            until: 11,
            oldest: Duration::from_millis(12),
        },
        given: vec![given(None), given(Some(0))],
    }
}

#[test]
fn malformed_permits_are_refused_by_their_field() {
    let owned = |spoil: &dyn Fn(&mut wire::OwnedOf)| {
        let mut written =
            write_from_proxy(&ToScaler::Permits(full_owned(EndpointId("pod".into()))));
        let Some(from_proxy::Message::Permits(owned)) = &mut written.message else {
            panic!("not permits")
        };
        spoil(&mut owned.workloads[0]);
        read_from_proxy(written).unwrap_err().field
    };
    assert_eq!(
        owned(&|part| part.workload = "hello".into()),
        "permits.workloads.workload"
    );
    assert_eq!(
        owned(&|part| part.accounts[0].endpoint.clear()),
        "permits.workloads.accounts.endpoint"
    );
    let granted = |spoil: &dyn Fn(&mut wire::Granted)| {
        let mut written = write_from_scaler(&ToProxy::Permits(full_granted())).unwrap();
        let Some(from_scaler::Message::Permits(granted)) = &mut written.message else {
            panic!("not permits")
        };
        spoil(granted);
        read_from_scaler(written).unwrap_err().field
    };
    assert_eq!(
        granted(&|granted| granted.workload.clear()),
        "permits.workload"
    );
    assert_eq!(
        granted(&|granted| granted.given[0].endpoint = "x".repeat(9999)),
        "permits.given.endpoint"
    );
}

#[test]
fn what_a_proxy_says_arrives_as_it_was() {
    let (workload, endpoint, epoch) = (hello(), EndpointId("pod".into()), 1 << 32 | 7);
    let report = Report {
        sequence: 3,
        length: Duration::from_millis(1001),
        whole: true,
        workloads: vec![WorkloadReport {
            workload: hello(),
            in_flight_seconds: 1.5,
            held_seconds: 0.25,
            requests: 9,
            in_flight: 2,
            held: 1,
            idle_for: Duration::from_nanos(5),
        }],
    };
    let wake = Wake {
        workload: hello(),
        held: 3,
        oldest: Duration::from_micros(7),
        by: Some(Arc::new(Caller {
            method: "GET".to_owned(),
            host: "hello.example.com".to_owned(),
            agent: "curl".to_owned(),
        })),
    };
    for message in [
        ToScaler::Report(report),
        ToScaler::Wake(wake),
        ToScaler::Quiesced {
            workload: workload.clone(),
            epoch,
        },
        ToScaler::Busy {
            workload: workload.clone(),
            epoch,
        },
        ToScaler::Drained {
            workload: workload.clone(),
            endpoint: endpoint.clone(),
        },
        ToScaler::Permits(full_owned(endpoint.clone())),
        ToScaler::Fronts(Arc::new([(hello(), 20_017)].into())),
        ToScaler::Fronts(Arc::default()),
        ToScaler::Proven { workload, endpoint },
        ToScaler::Leaving,
    ] {
        let bytes = write_from_proxy(&message).encode_to_vec();
        let read = read_from_proxy(wire::FromProxy::decode(bytes.as_slice()).unwrap());
        assert_eq!(read, Ok(Some(message)));
    }
}

#[test]
fn what_a_scaler_says_arrives_as_it_was() {
    let (workload, epoch) = (hello(), 2 << 32);
    let idle_for = Duration::from_secs(300);
    for message in [
        ToProxy::Role { leads: Some(0) },
        ToProxy::Role { leads: None },
        ToProxy::Synced,
        ToProxy::ReportWhole,
        ToProxy::State(full_state()),
        ToProxy::State(WorkloadState::empty(hello())),
        ToProxy::Permits(full_granted()),
        ToProxy::Quiesce {
            workload: workload.clone(),
            epoch,
            idle_for,
        },
        ToProxy::Resume {
            workload: workload.clone(),
            epoch,
        },
        ToProxy::Asleep { workload, epoch },
    ] {
        let bytes = write_from_scaler(&message).unwrap().encode_to_vec();
        let read = read_from_scaler(wire::FromScaler::decode(bytes.as_slice()).unwrap());
        assert_eq!(read, Ok(FromScaler::Say(message)));
    }
}

#[test]
fn routes_arrive_as_they_were() {
    let mut plain = routed("plain", -5);
    let mut full = (*plain.http).clone();
    full.protocol = Protocol::H2c;
    full.readiness = Readiness::Kubelet;
    full.dial = Dial::Service;
    full.concurrency_per_replica = Some(2.5);
    full.concurrency_limit = std::num::NonZeroU32::new(7);
    full.request_rate_per_replica = Some(100.0);
    full.timeouts.idle = Duration::ZERO;
    full.hold.max_requests = 1;
    let respond = || Respond {
        status: 204,
        headers: vec![("x-a".to_owned(), "1".to_owned())],
        body: "text".to_owned(),
    };
    let rule = |action| Rule {
        matches: RuleMatch {
            methods: vec!["GET".to_owned()],
            path_prefixes: vec![PathPrefix::parse("/healthz").unwrap()],
            headers: vec![("x-b".to_owned(), HeaderMatch::Present)],
            user_agents: vec!["kube-probe/*".to_owned()],
            source_addresses: vec!["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
        },
        action,
    };
    full.rules = vec![
        rule(RuleAction::Respond(respond())),
        rule(RuleAction::NoWake(None)),
        rule(RuleAction::NoWake(Some(respond()))),
        rule(RuleAction::Wake),
    ];
    full.wake_requires = Some(WakeRequires {
        headers: vec!["authorization".to_owned()],
        status: 403,
    });
    let port = |port| {
        Some(Service {
            name: "hello".to_owned(),
            port,
        })
    };
    for service in [
        None,
        port(None),
        port(Some(ServicePort::Name("http".to_owned()))),
        port(Some(ServicePort::Number(80))),
    ] {
        full.service = service;
        plain.http = Arc::new(full.clone());
        let bytes = write_routed(&plain).encode_to_vec();
        let read = read_routed(wire::RoutedWorkload::decode(bytes.as_slice()).unwrap());
        assert_eq!(read, Ok(plain.clone()));
    }
    for listen in [None, Some(20_017)] {
        full.front = Some(Front {
            service: port(Some(ServicePort::Number(80))).unwrap(),
            listen,
        });
        plain.http = Arc::new(full.clone());
        assert_eq!(read_routed(write_routed(&plain)), Ok(plain.clone()));
    }
    for mode in [
        WhileWaking::Hold,
        WhileWaking::Page,
        WhileWaking::Respond(respond()),
        WhileWaking::Fallback(port(Some(ServicePort::Number(80))).unwrap()),
    ] {
        full.while_waking = mode;
        plain.http = Arc::new(full.clone());
        assert_eq!(read_routed(write_routed(&plain)), Ok(plain.clone()));
    }
}

#[test]
fn tls_arrives_as_it_was_and_never_becomes_plain() {
    let mut one = routed("hello", 0);
    let files = |client: Option<(String, String)>| {
        Tls::Files(TlsFiles {
            ca: "ca.crt".to_owned(),
            client,
            server_name: "a.team.svc".to_owned(),
        })
    };
    let pair = Some(("tls.crt".to_owned(), "tls.key".to_owned()));
    for tls in [Tls::None, Tls::Mesh, files(None), files(pair)] {
        Arc::get_mut(&mut one.http).unwrap().tls = tls;
        assert_eq!(read_routed(write_routed(&one)), Ok(one.clone()));
    }
    let mut written = write_routed(&one);
    written.http.as_mut().unwrap().tls = Some(wire::Tls { mode: None });
    assert_ne!(read_routed(written).unwrap().http.tls, Tls::None);
}

#[test]
fn a_newer_rule_is_passed_over() {
    let mut written = write_routed(&routed("hello", 0));
    let http = written.http.as_mut().unwrap();
    http.rules = vec![wire::Rule::default()];
    http.while_waking = Some(wire::WhileWaking { mode: None });
    assert_eq!(read_routed(written), Ok(routed("hello", 0)));
}

#[test]
fn what_is_not_known_does_no_harm() {
    let newer = wire::FromScaler { message: None };
    assert_eq!(read_from_scaler(newer), Ok(FromScaler::Nothing));
    assert_eq!(read_from_proxy(wire::FromProxy { message: None }), Ok(None));
    let mut written = write_from_scaler(&ToProxy::State(full_state())).unwrap();
    let Some(from_scaler::Message::State(state)) = &mut written.message else {
        panic!("not a state")
    };
    state.endpoints[1].state = 99;
    state.endpoints[0].probe.as_mut().unwrap().action = None;
    let Ok(FromScaler::Say(ToProxy::State(state))) = read_from_scaler(written) else {
        panic!("not read")
    };
    assert_eq!(state.endpoints[1].state, EndpointState::Starting);
    assert_eq!(state.endpoints[0].probe, None);
}

fn bad_state(spoil: impl FnOnce(&mut wire::State)) -> &'static str {
    let mut written = write_from_scaler(&ToProxy::State(full_state())).unwrap();
    let Some(from_scaler::Message::State(state)) = &mut written.message else {
        panic!("not a state")
    };
    spoil(state);
    read_from_scaler(written).unwrap_err().field
}

#[test]
fn a_malformed_state_is_refused_by_its_field() {
    assert_eq!(bad_state(|s| s.workload = "hello".into()), "state.workload");
    assert_eq!(bad_state(|s| s.workload = "a/b/c".into()), "state.workload");
    assert_eq!(
        bad_state(|s| s.workload = format!("a/{}", "b".repeat(9999))),
        "state.workload"
    );
    assert_eq!(bad_state(|s| s.service = "nowhere".into()), "state.service");
    assert_eq!(
        bad_state(|s| s.endpoints[0].id.clear()),
        "state.endpoints.id"
    );
    assert_eq!(
        bad_state(|s| s.endpoints[0].address = "10.0.0.1".into()),
        "state.endpoints.address"
    );
    assert_eq!(
        bad_state(|s| s.probers[0].host.clear()),
        "state.probers.host"
    );
    let port = |s: &mut wire::State| {
        let action = wire::probe::Action::TcpSocket(wire::TcpSocket { port: Some(70_000) });
        s.endpoints[0].probe.as_mut().unwrap().action = Some(action);
    };
    assert_eq!(bad_state(port), "state.endpoints.probe.port");
}

#[test]
fn a_malformed_report_is_refused_by_its_field() {
    for value in [f64::NAN, f64::INFINITY, -1.0] {
        let report = wire::Report {
            workloads: vec![wire::WorkloadReport {
                workload: "a/b".to_owned(),
                held_seconds: value,
                ..Default::default()
            }],
            ..Default::default()
        };
        let message = Some(from_proxy::Message::Report(report));
        let error = read_from_proxy(wire::FromProxy { message }).unwrap_err();
        assert_eq!(error.field, "report.workloads.held_seconds");
    }
    let message = Some(from_proxy::Message::Hello(wire::Hello::default()));
    let error = read_from_proxy(wire::FromProxy { message }).unwrap_err();
    assert_eq!(error.field, "hello");
}

#[test]
fn malformed_routes_are_refused_by_their_field() {
    let bad = |spoil: &dyn Fn(&mut wire::RoutedWorkload)| {
        let mut written = write_routed(&routed("hello", 0));
        spoil(&mut written);
        read_routed(written).unwrap_err().field
    };
    assert_eq!(bad(&|r| r.id.clear()), "routes.upserts.id");
    assert_eq!(bad(&|r| r.http = None), "routes.upserts.http");
    let http = |spoil: &dyn Fn(&mut wire::Http)| bad(&|r| spoil(r.http.as_mut().unwrap()));
    assert_eq!(http(&|h| h.hold = None), "http.hold");
    assert_eq!(http(&|h| h.timeouts = None), "http.timeouts");
    assert_eq!(
        http(&|h| h.concurrency_limit = Some(0)),
        "http.concurrency_limit"
    );
    assert_eq!(
        http(&|h| h.routes[0].hosts[0] = "a b".into()),
        "http.routes.hosts"
    );
    assert_eq!(
        http(&|h| h.routes[0].path_prefixes[0] = "v1".into()),
        "http.routes.path_prefixes"
    );
    assert_eq!(
        http(&|h| h.routes[0].headers[0].r#match = None),
        "http.routes.headers"
    );
}
