use rouse_api::link::Fronts;

use super::*;

const PORT: u16 = 20_017;
const MARK: u32 = 0xab;

fn hello() -> WorkloadId {
    WorkloadId::new("shop", "hello")
}

fn port() -> FrontPort {
    FrontPort {
        name: "http".to_owned(),
        app_protocol: None,
    }
}

fn trouble() -> Failure {
    Failure {
        reason: "Trouble".to_owned(),
        message: "is here".to_owned(),
    }
}

/// What there is: Pods, what they say, slices.
struct World {
    view: View,
    pods: ProxyPods,
    listening: Listening,
    version: u64,
}

impl World {
    /// With a port, and no proxies.
    fn new() -> Self {
        let wants = Wants {
            uid: "sw-hello".into(),
            service: "hello".to_owned(),
            mark: MARK,
            port: Some(PORT),
            standing: Standing::Good(port()),
        };
        Self {
            view: View {
                workload: hello(),
                wants: Some(wants),
                slices: Vec::new(),
            },
            pods: ProxyPods::new(),
            listening: Listening::new(),
            version: 0,
        }
    }

    /// And so many proxies that are ready and listen, in a slice.
    fn with(count: u8) -> Self {
        let mut world = Self::new();
        for n in 1..=count {
            world.pod(&format!("p{n}"), &format!("10.0.0.{n}"));
            world.listens(&format!("p{n}"), PORT);
        }
        world.settle();
        world
    }

    fn pod(&mut self, uid: &str, address: &str) {
        let pod = ProxyPod {
            namespace: "rouse".to_owned(),
            name: format!("proxy-{uid}"),
            address: address.parse().ok(),
            node: Some("node".to_owned()),
            ready: true,
            terminating: false,
        };
        self.pods.insert(uid.into(), pod);
    }

    fn listens(&mut self, uid: &str, port: u16) {
        let fronts = Fronts::from([(hello(), port)]);
        self.listening.insert(uid.into(), Arc::new(fronts));
    }

    fn wants(&mut self) -> &mut Wants {
        self.view.wants.as_mut().unwrap()
    }

    fn plan(&self) -> (Vec<Write>, Option<Said>) {
        plan(&self.view, &self.pods, &self.listening)
    }

    fn said(&self) -> Said {
        self.plan().1.unwrap()
    }

    /// Everything that is planned is written; returns how much that was.
    fn settle(&mut self) -> usize {
        let writes = self.plan().0;
        let count = writes.len();
        for write in writes {
            self.version += 1;
            let (name, content) = match write {
                Write::Create(name, content) => {
                    assert!(self.view.slices.iter().all(|(one, _)| *one != name));
                    (name, Some(content))
                }
                Write::Change(name, _, content) => (name, Some(content)),
                Write::Delete(name, _) => (name, None),
            };
            self.view.slices.retain(|(one, _)| *one != name);
            if content.is_some() {
                self.slice(&name, content);
            }
        }
        assert_eq!(self.plan().0, [], "and then all is well");
        count
    }

    fn slice(&mut self, name: &str, content: Option<Content>) {
        let own = Own {
            workload: hello(),
            name: SliceName::parse(name).unwrap(),
            uid: name.to_owned(),
            resource_version: self.version.to_string(),
            content,
        };
        self.view.slices.push((name.to_owned(), Arc::new(own)));
    }

    /// Each endpoint with whether it is ready, serving, terminating.
    fn endpoints(&self) -> Vec<(String, [bool; 3])> {
        let contents = self
            .view
            .slices
            .iter()
            .filter_map(|(_, own)| own.content.as_ref());
        let endpoints = contents.flat_map(|content| &content.endpoints);
        let one = |end: &Endpoint| {
            let conditions = [end.ready, end.serving, end.terminating];
            (end.address.to_string(), conditions)
        };
        endpoints.map(one).collect()
    }
}

const UP: [bool; 3] = [true, true, false];

fn up(addresses: &[&str]) -> Vec<(String, [bool; 3])> {
    let up = |address: &&str| ((*address).to_owned(), UP);
    addresses.iter().map(up).collect()
}

#[test]
fn a_slice_keeps_the_port_before_anybody_listens() {
    let mut world = World::new();
    world.pod("p1", "10.0.0.1");
    assert_eq!(world.settle(), 1);
    assert_eq!(world.endpoints(), []);
    let said = world.said();
    assert_eq!((said.port, said.proxies, said.of), (Some(PORT), 0, 1));
    assert_eq!(said.failure.unwrap().reason, "FrontNotOpen");
    world.listens("p1", PORT);
    world.settle();
    assert_eq!(world.endpoints(), up(&["10.0.0.1"]));
    let said = world.said();
    assert_eq!((said.proxies, said.failure), (1, None));
}

#[test]
fn only_who_says_that_it_listens_is_there() {
    let mut world = World::with(1);
    world.pod("silent", "10.0.0.8");
    world.pod("other", "10.0.0.9");
    world.listens("other", PORT + 1);
    assert_eq!(world.settle(), 0);
    assert_eq!(world.endpoints(), up(&["10.0.0.1"]));
    assert_eq!(world.said().of, 3);
    // It says that it doesn't any more.
    world.listening.insert("p1".into(), Arc::default());
    world.settle();
    assert_eq!(world.endpoints(), []);
}

#[test]
fn a_new_leader_that_has_heard_nobody_keeps_who_is_there() {
    let mut world = World::with(2);
    world.listening.clear();
    assert_eq!(world.settle(), 0);
    assert_eq!(world.said().proxies, 2);
    world.pods.remove("p2");
    world.settle();
    assert_eq!(world.endpoints(), up(&["10.0.0.1"]));
}

#[test]
fn who_is_told_to_end_serves_and_then_leaves() {
    let mut world = World::with(2);
    world.pods.get_mut("p1").unwrap().terminating = true;
    world.settle();
    let (going, stays) = ("10.0.0.1".to_owned(), "10.0.0.2".to_owned());
    let rest = (stays, UP);
    assert_eq!(
        world.endpoints(),
        [(going.clone(), [false, true, true]), rest.clone()]
    );
    // It has left, and its readiness probe fails.
    world.listening.remove("p1");
    world.pods.get_mut("p1").unwrap().ready = false;
    world.settle();
    assert_eq!(
        world.endpoints(),
        [(going, [false, false, true]), rest.clone()]
    );
    world.pods.remove("p1");
    world.settle();
    assert_eq!(world.endpoints(), [rest]);
}

#[test]
fn who_is_not_ready_is_not_there_and_must_say_anew() {
    let mut world = World::with(1);
    world.pods.get_mut("p1").unwrap().ready = false;
    world.settle();
    assert_eq!(world.endpoints(), []);
    assert_eq!(world.said().failure.unwrap().reason, "FrontWithoutProxies");
    // Its container has started anew.
    world.listening.remove("p1");
    world.pods.get_mut("p1").unwrap().ready = true;
    assert_eq!(world.settle(), 0);
    world.listens("p1", PORT);
    world.settle();
    assert_eq!(world.endpoints(), up(&["10.0.0.1"]));
}

#[test]
fn both_families_and_more_than_one_slice_holds() {
    let mut world = World::new();
    for n in 0..=LARGEST {
        let uid = format!("p{n:03}");
        world.pod(&uid, &format!("10.0.1.{n}"));
        world.listens(&uid, PORT);
    }
    world.pod("six", "fd00::1");
    world.listens("six", PORT);
    assert_eq!(world.settle(), 3);
    let mut sizes: Vec<_> = world
        .view
        .slices
        .iter()
        .map(|(_, own)| {
            let content = own.content.as_ref().unwrap();
            (content.family, content.endpoints.len())
        })
        .collect();
    sizes.sort_unstable();
    assert_eq!(
        sizes,
        [(Family::V4, 1), (Family::V4, LARGEST), (Family::V6, 1)]
    );
    // One less needs one slice less, also when the last have gone.
    world.pods.remove("p000");
    world.settle();
    assert_eq!(world.view.slices.len(), 2);
    world.pods.clear();
    world.settle();
    assert_eq!(world.view.slices.len(), 1);
    assert_eq!(world.endpoints(), []);
}

#[test]
fn what_somebody_has_changed_is_written_anew() {
    let mut world = World::with(1);
    let name = world.view.slices.remove(0).0;
    world.slice(&name, None);
    let wanted = [&*name];
    let writes = world.plan().0;
    let names: Vec<&str> = writes
        .iter()
        .map(|write| match write {
            Write::Change(name, (uid, _), content) => {
                assert_eq!(*uid, *name);
                assert_eq!(content.endpoints.len(), 1);
                &**name
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(names, wanted);
}

#[test]
fn what_may_not_be_a_front_has_no_slices() {
    let mut world = World::with(1);
    world.wants().standing = Standing::Refused(trouble());
    world.settle();
    assert!(world.view.slices.is_empty());
    let said = world.said();
    assert_eq!((said.port, said.failure), (None, Some(trouble())));
    let mut world = World::with(1);
    world.view.wants = None;
    assert_eq!(world.settle(), 1);
    assert_eq!(world.plan().1, None);
}

#[test]
fn what_is_missing_begins_nothing_and_ends_nothing() {
    // A Service that has a selector: never begun.
    let mut world = World::new();
    world.wants().standing = Standing::Waits(trouble(), Some(port()));
    assert_eq!(world.settle(), 0);
    assert_eq!(world.said().failure, Some(trouble()));
    // One that gets a selector again: on the way out both are behind it, and proxies come and go.
    let mut world = World::with(2);
    world.wants().standing = Standing::Waits(trouble(), Some(port()));
    assert_eq!(world.settle(), 0);
    world.pods.remove("p1");
    assert_eq!(world.settle(), 1);
    assert_eq!(world.endpoints(), up(&["10.0.0.2"]));
    assert_eq!(world.said().failure, Some(trouble()));
    // One that is not there: it may come back.
    world.wants().standing = Standing::Waits(trouble(), None);
    world.pods.clear();
    assert_eq!(world.settle(), 0);
}

#[test]
fn with_another_port_the_old_slices_stay_until_somebody_is_at_the_new_one() {
    let mut world = World::with(1);
    world.wants().port = Some(PORT + 1);
    world.settle();
    assert_eq!(world.endpoints(), up(&["10.0.0.1"]), "at the old one");
    world.listens("p1", PORT + 1);
    assert_eq!(world.settle(), 2);
    let [(name, _)] = &*world.view.slices else {
        panic!("{:?}", world.view.slices);
    };
    assert_eq!(SliceName::parse(name).unwrap().port, PORT + 1);
    assert_eq!(world.endpoints(), up(&["10.0.0.1"]));
}

#[test]
fn slices_of_another_service_or_an_earlier_object_go_at_once() {
    let mut world = World::with(1);
    world.wants().mark = MARK + 1;
    world.listening.clear();
    let writes = world.plan().0;
    assert!(
        matches!(&writes[..], [Write::Create(..), Write::Delete(..)]),
        "{writes:?}"
    );
}
