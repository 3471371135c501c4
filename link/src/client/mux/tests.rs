use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rouse_api::link::*;
use rouse_api::workload::WorkloadId;
use tokio::time::Instant;

use super::Mux;
use crate::client::Timing;
use crate::client::metrics::Metrics;
use crate::client::outbox::Outbox;
use crate::convert::tests::routed;

struct Scene {
    mux: Mux,
    now: Instant,
}

fn address(n: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], n))
}

fn id(name: &str) -> WorkloadId {
    WorkloadId::new("default", name)
}

fn state(name: &str, endpoint: &str) -> WorkloadState {
    let mut state = WorkloadState::empty(id(name));
    state.endpoints.push(Endpoint {
        id: EndpointId(endpoint.into()),
        address: address(80),
        state: EndpointState::Ready,
        probe: None,
        service_account: None,
    });
    state
}

fn routes(version: u64, names: &[&str]) -> ToProxy {
    let workloads = names.iter().map(|name| routed(name, 0)).collect();
    ToProxy::Routes(Arc::new(Routes { version, workloads }))
}

fn wake(name: &str) -> ToScaler {
    ToScaler::Wake(Wake {
        workload: id(name),
        held: 1,
        oldest: Duration::ZERO,
        by: None,
    })
}

fn quiesce(term: u64) -> ToProxy {
    ToProxy::Quiesce {
        workload: id("a"),
        epoch: term << 32 | 1,
        idle_for: Duration::ZERO,
    }
}

impl Scene {
    fn new() -> Self {
        let now = Instant::now();
        let mux = Mux::new(&Timing::default(), Metrics::default(), now);
        Self { mux, now }
    }

    fn say(&mut self, n: u16, message: ToProxy) -> Vec<ToProxy> {
        self.mux.heard(address(n), message, self.now)
    }

    /// Connects a scaler with this snapshot; what the proxy is told at its end.
    fn scaler(
        &mut self,
        n: u16,
        leads: Option<Term>,
        names: &[&str],
        states: &[WorkloadState],
    ) -> (Arc<Outbox>, Vec<ToProxy>) {
        let outbox = Arc::new(Outbox::default());
        self.mux.add(address(n), self.now);
        let said = self
            .mux
            .up(address(n), String::new(), outbox.clone(), self.now);
        assert_eq!(said, [ToProxy::ReportWhole]);
        let mut said = self.say(n, ToProxy::Role { leads });
        said.extend(self.say(n, routes(1, names)));
        for state in states {
            said.extend(self.say(n, ToProxy::State(state.clone())));
        }
        assert_eq!(said, [], "nothing of a snapshot before it is whole");
        let said = self.say(n, ToProxy::Synced);
        (outbox, said)
    }
}

#[test]
fn the_first_whole_snapshot_is_told() {
    let mut scene = Scene::new();
    let (_, said) = scene.scaler(1, None, &["a"], &[state("a", "x")]);
    let told = [
        ToProxy::Role { leads: None },
        routes(1, &["a"]),
        ToProxy::State(state("a", "x")),
        ToProxy::Synced,
    ];
    assert_eq!(said, told);
    let update = ToProxy::State(state("a", "y"));
    assert_eq!(scene.say(1, update.clone()), [update]);
}

#[test]
fn the_highest_term_is_the_source_and_the_rest_is_not_heard() {
    let mut scene = Scene::new();
    scene.scaler(1, None, &["a"], &[]);
    let (_, said) = scene.scaler(2, Some(5), &["a"], &[state("a", "x")]);
    assert_eq!(
        said,
        [
            ToProxy::Role { leads: Some(5) },
            ToProxy::State(state("a", "x"))
        ]
    );
    assert_eq!(scene.say(1, ToProxy::State(state("a", "old"))), []);
    assert_eq!(scene.say(1, quiesce(5)), []);
    assert_eq!(scene.say(2, quiesce(5)), [quiesce(5)]);
    assert_eq!(scene.say(2, quiesce(4)), [], "said in a term that is over");
    // The lease changes hands while the old leader still believes it leads.
    let said = scene.say(1, ToProxy::Role { leads: Some(6) });
    assert_eq!(
        said,
        [
            ToProxy::Role { leads: Some(6) },
            ToProxy::State(state("a", "old"))
        ]
    );
    assert_eq!(scene.say(2, quiesce(5)), []);
}

#[test]
fn one_that_follows_does_not_quiesce() {
    let mut scene = Scene::new();
    scene.scaler(1, None, &["a"], &[]);
    assert_eq!(scene.say(1, quiesce(9)), []);
    scene.say(1, ToProxy::Role { leads: Some(9) });
    assert_eq!(scene.say(1, quiesce(9)), [quiesce(9)]);
    assert_eq!(
        scene.say(1, ToProxy::Role { leads: None }),
        [ToProxy::Role { leads: None }]
    );
    assert_eq!(scene.say(1, quiesce(9)), []);
}

#[test]
fn a_new_source_is_told_whole() {
    let mut scene = Scene::new();
    scene.scaler(
        1,
        Some(1),
        &["a", "b", "c"],
        &[state("a", "x"), state("b", "x")],
    );
    scene.say(1, routes(8, &["a", "b", "c"]));
    scene.scaler(
        2,
        None,
        &["a", "c", "d"],
        &[state("a", "x"), state("d", "z")],
    );
    let resume = ToProxy::Resume {
        workload: id("a"),
        epoch: 2 << 32,
    };
    scene.say(2, resume.clone());
    let said = scene.mux.down(address(1), "reset".to_owned(), scene.now);
    assert_eq!(said[0], ToProxy::Role { leads: None });
    // Versions only grow: an older one would be ignored.
    assert_eq!(said[1], routes(9, &["a", "c", "d"]));
    let rest = [
        ToProxy::State(WorkloadState::empty(id("b"))),
        ToProxy::State(state("d", "z")),
        resume,
    ];
    assert_eq!(said[2..], rest);
}

#[test]
fn one_that_is_not_synced_or_deposed_waits_behind_others() {
    let mut scene = Scene::new();
    scene.scaler(1, Some(4), &["a"], &[]);
    scene.scaler(2, Some(7), &["a"], &[]);
    scene.scaler(3, None, &["a"], &[]);
    scene.mux.down(address(2), String::new(), scene.now);
    let status = scene.mux.status();
    let source = status.scalers.iter().find(|scaler| scaler.source).unwrap();
    assert_eq!(source.address, address(3), "not the one whose term is over");
}

#[tokio::test]
async fn a_wake_goes_to_the_leader_and_repeated_to_all() {
    let mut scene = Scene::new();
    let (follower, _) = scene.scaler(1, None, &["a"], &[]);
    let (leader, _) = scene.scaler(2, Some(1), &["a"], &[]);
    scene.mux.said(wake("a"), scene.now);
    scene.now += Duration::from_millis(20);
    scene.mux.said(wake("a"), scene.now);
    assert_eq!((leader.len(), follower.len()), (1, 0));
    for _ in 0..5 {
        scene.now += Duration::from_millis(20);
        scene.mux.said(wake("a"), scene.now);
    }
    assert_eq!(follower.len(), 1, "the leader may hang");
    follower.next().await;
    // As slowly as a proxy ever repeats it.
    scene.now += Duration::from_millis(1020);
    scene.mux.said(wake("a"), scene.now);
    assert_eq!(follower.len(), 1, "it still hangs");
    follower.next().await;
    scene.now += Duration::from_secs(3);
    scene.mux.said(wake("a"), scene.now);
    assert_eq!(follower.len(), 0, "that is another wake");
    scene.mux.down(address(2), String::new(), scene.now);
    scene.mux.said(wake("a"), scene.now);
    assert_eq!(follower.len(), 1, "without a leader all are asked");
}

#[test]
fn everything_but_wakes_goes_to_all() {
    let mut scene = Scene::new();
    let (one, _) = scene.scaler(1, None, &["a"], &[]);
    let (two, _) = scene.scaler(2, Some(1), &["a"], &[]);
    let (workload, endpoint) = (id("a"), EndpointId("x".into()));
    scene.mux.said(
        ToScaler::Proven {
            workload: workload.clone(),
            endpoint,
        },
        scene.now,
    );
    scene
        .mux
        .said(ToScaler::Busy { workload, epoch: 1 }, scene.now);
    assert_eq!((one.len(), two.len()), (2, 2));
}

#[test]
fn unlinked_is_told_once_and_linked_when_one_is_back() {
    let mut scene = Scene::new();
    scene.scaler(1, None, &["a"], &[state("a", "x")]);
    assert_eq!(scene.mux.deadline(), None);
    let nobody = ToProxy::Role { leads: None };
    assert_eq!(
        scene.mux.down(address(1), String::new(), scene.now),
        [nobody]
    );
    let deadline = scene.mux.deadline().unwrap();
    assert_eq!(deadline - scene.now, Duration::from_secs(30));
    assert_eq!(scene.mux.tick(deadline - Duration::from_millis(1)), []);
    assert_eq!(scene.mux.tick(deadline), [ToProxy::Unlinked]);
    assert_eq!(scene.mux.deadline(), None);
    let (_, said) = scene.scaler(1, None, &["a"], &[]);
    let told = [
        ToProxy::Role { leads: None },
        ToProxy::State(WorkloadState::empty(id("a"))),
        ToProxy::Linked,
    ];
    assert_eq!(said, told, "no address of before is dialled again");
}

#[test]
fn what_a_new_source_says_of_replicas_outlives_the_sleep_before() {
    let mut scene = Scene::new();
    scene.scaler(1, None, &["a"], &[state("a", "x")]);
    let asleep = ToProxy::Asleep {
        workload: id("a"),
        epoch: 2 << 32,
    };
    // It has slept, and been woken before all was told: the proxy knows the new replica already.
    scene.mux.add(address(2), scene.now);
    let outbox = Arc::new(Outbox::default());
    scene.mux.up(address(2), String::new(), outbox, scene.now);
    scene.say(2, ToProxy::Role { leads: Some(2) });
    scene.say(2, routes(1, &["a"]));
    scene.say(2, asleep.clone());
    scene.say(2, ToProxy::State(state("a", "x")));
    let told = [
        ToProxy::Role { leads: Some(2) },
        asleep.clone(),
        ToProxy::State(state("a", "x")),
    ];
    assert_eq!(scene.say(2, ToProxy::Synced), told);

    // One that sleeps has none, whether the proxy was asked to stop before or not.
    let mut scene = Scene::new();
    scene.scaler(1, None, &["a"], &[state("a", "x")]);
    scene.scaler(2, None, &["a"], &[]);
    scene.say(2, asleep.clone());
    let said = scene.say(2, ToProxy::Role { leads: Some(2) });
    let empty = ToProxy::State(WorkloadState::empty(id("a")));
    assert_eq!(said, [ToProxy::Role { leads: Some(2) }, asleep, empty]);
}

#[test]
fn wakes_of_long_ago_are_forgotten() {
    let mut scene = Scene::new();
    for round in 0..4 {
        for n in 0..super::WAKES {
            scene.mux.said(wake(&format!("w{round}-{n}")), scene.now);
        }
        scene.now += Duration::from_secs(4);
    }
    assert!(scene.mux.wakes.len() <= super::WAKES * 2);
}

fn asleep(term: u64) -> ToProxy {
    ToProxy::Asleep {
        workload: id("a"),
        epoch: term << 32 | 2,
    }
}

fn told_endpoints(said: &[ToProxy]) -> Vec<String> {
    let states = said.iter().filter_map(|message| match message {
        ToProxy::State(state) => Some(state),
        _ => None,
    });
    states
        .flat_map(|state| &state.endpoints)
        .map(|endpoint| endpoint.id.0.to_string())
        .collect()
}

/// Found by the simulation: the leader was lost just after it had put the workload to sleep, and the other's watch was late.
#[test]
fn what_a_leaders_sleep_has_ended_no_late_scaler_brings_back() {
    let mut scene = Scene::new();
    scene.scaler(1, Some(3), &["a"], &[]);
    scene.scaler(2, None, &["a"], &[]);
    scene.say(1, ToProxy::State(state("a", "old")));
    scene.say(2, ToProxy::State(state("a", "old")));
    scene.say(1, ToProxy::State(WorkloadState::empty(id("a"))));
    scene.say(1, asleep(3));
    assert_eq!(
        told_endpoints(&scene.mux.down(address(1), "gone".to_owned(), scene.now)),
        Vec::<String>::new()
    );
    // Also when it says it again; what is new is believed.
    assert_eq!(
        told_endpoints(&scene.say(2, ToProxy::State(state("a", "old")))),
        Vec::<String>::new()
    );
    assert_eq!(
        told_endpoints(&scene.say(2, ToProxy::State(state("a", "new")))),
        ["new"]
    );
}

#[test]
fn what_a_leader_tells_after_a_sleep_is_there_whoever_told_it_first() {
    let mut scene = Scene::new();
    scene.scaler(1, Some(3), &["a"], &[]);
    scene.scaler(2, None, &["a"], &[]);
    scene.say(1, asleep(3));
    scene.say(2, ToProxy::State(state("a", "new")));
    scene.say(1, ToProxy::State(state("a", "new")));
    scene.say(2, ToProxy::State(state("a", "new")));
    scene.mux.down(address(1), "gone".to_owned(), scene.now);
    assert_eq!(
        told_endpoints(&scene.say(2, ToProxy::State(state("a", "new")))),
        ["new"]
    );
}
