//! What proxies listen for on ports of their own, as they say it. Nothing here decides by it: it is for the platform.

use std::collections::BTreeMap;
use std::sync::Arc;

use rouse_api::link::{Fronts, MemberId, ToScaler};
use tokio::sync::watch;

use crate::controller::{Event, SessionId};

/// By where the proxy runs ([`MemberId::host`]). One that is not here has not said anything since it started, or has left.
pub type Listening = BTreeMap<Arc<str>, Arc<Fronts>>;

/// What is known of all of them. Bounded by the members, each with one word.
#[derive(Debug)]
pub(super) struct Heard {
    sessions: BTreeMap<SessionId, MemberId>,
    /// The newest of each host.
    instances: BTreeMap<Arc<str>, u64>,
    told: watch::Sender<Listening>,
}

impl Heard {
    pub(super) fn new(told: watch::Sender<Listening>) -> Self {
        Self {
            sessions: BTreeMap::new(),
            instances: BTreeMap::new(),
            told,
        }
    }

    /// Looks at everything that the controller is told.
    pub(super) fn take(&mut self, event: &Event) {
        match event {
            Event::SessionOpened {
                session, member, ..
            } => {
                self.sessions.insert(*session, member.clone());
                let host = member.host.clone();
                let before = self.instances.insert(host.clone(), member.instance);
                if before != Some(member.instance) {
                    self.forget(&host);
                }
            }
            // Its ports stay open meanwhile.
            Event::SessionClosed(session) => {
                self.sessions.remove(session);
            }
            Event::Link(session, ToScaler::Fronts(fronts)) => {
                if let Some(host) = self.newest(*session) {
                    self.told.send_if_modified(|told| {
                        let before = told.insert(host, fronts.clone());
                        before.as_ref() != Some(fronts)
                    });
                }
            }
            Event::Link(session, ToScaler::Leaving) => {
                if let Some(host) = self.newest(*session) {
                    self.instances.remove(&host);
                    self.forget(&host);
                }
            }
            Event::LiveHosts(hosts) => {
                let linked: Vec<_> = self.sessions.values().map(|one| &one.host).collect();
                self.instances
                    .retain(|host, _| hosts.contains(host) || linked.contains(&host));
                let instances = &self.instances;
                self.told.send_if_modified(|told| {
                    let before = told.len();
                    told.retain(|host, _| instances.contains_key(host));
                    told.len() != before
                });
            }
            _ => {}
        }
    }

    /// The host of a session, if it is of the newest proxy there.
    fn newest(&self, session: SessionId) -> Option<Arc<str>> {
        let member = self.sessions.get(&session)?;
        let newest = self.instances.get(&member.host) == Some(&member.instance);
        newest.then(|| member.host.clone())
    }

    fn forget(&self, host: &Arc<str>) {
        self.told
            .send_if_modified(|told| told.remove(host).is_some());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rouse_api::link::Capabilities;
    use rouse_api::workload::WorkloadId;

    use super::*;
    use crate::controller::SessionEnd;

    struct World {
        heard: Heard,
        told: watch::Receiver<Listening>,
    }

    impl World {
        fn new() -> Self {
            let (sender, told) = watch::channel(Listening::new());
            let heard = Heard::new(sender);
            Self { heard, told }
        }

        fn open(&mut self, session: u64, host: &str, instance: u64) {
            self.heard.take(&Event::SessionOpened {
                session: SessionId(session),
                member: MemberId {
                    host: host.into(),
                    instance,
                },
                end: SessionEnd::Silence,
                capabilities: Capabilities::ALL,
            });
        }

        fn says(&mut self, session: u64, port: u16) {
            let fronts = Fronts::from([(WorkloadId::new("default", "hello"), port)]);
            let said = ToScaler::Fronts(Arc::new(fronts));
            self.heard.take(&Event::Link(SessionId(session), said));
        }

        /// Hosts that have said something, each with its ports.
        fn told(&self) -> Vec<(String, Vec<u16>)> {
            let told = self.told.borrow();
            let one = |(host, fronts): (&Arc<str>, &Arc<Fronts>)| {
                (host.to_string(), fronts.values().copied().collect())
            };
            told.iter().map(one).collect()
        }
    }

    fn a(port: u16) -> Vec<(String, Vec<u16>)> {
        vec![("a".to_owned(), vec![port])]
    }

    #[test]
    fn what_a_proxy_says_stands_until_it_says_otherwise() {
        let mut world = World::new();
        world.open(1, "a", 7);
        assert_eq!(world.told(), []);
        world.says(1, 20_001);
        assert_eq!(world.told(), a(20_001));
        world.heard.take(&Event::SessionClosed(SessionId(1)));
        assert_eq!(world.told(), a(20_001), "silence is not death");
        world.open(2, "a", 7);
        assert_eq!(world.told(), a(20_001));
        world.says(2, 20_002);
        assert_eq!(world.told(), a(20_002));
    }

    #[test]
    fn of_one_host_the_newest_is_heard() {
        let mut world = World::new();
        world.open(1, "a", 7);
        world.says(1, 20_001);
        world.open(2, "a", 8);
        assert_eq!(world.told(), [], "it has said nothing yet");
        world.says(1, 20_001);
        assert_eq!(world.told(), [], "late words of the one before");
        world.says(2, 20_001);
        assert_eq!(world.told(), a(20_001));
    }

    #[test]
    fn who_has_left_or_is_dead_is_forgotten() {
        let mut world = World::new();
        for (session, host) in [(1, "a"), (2, "b"), (3, "c")] {
            world.open(session, host, 1);
            world.says(session, 20_001);
        }
        let left = Event::Link(SessionId(2), ToScaler::Leaving);
        world.heard.take(&left);
        world.says(2, 20_001);
        world.heard.take(&Event::SessionClosed(SessionId(3)));
        world
            .heard
            .take(&Event::LiveHosts(BTreeSet::from(["b".into()])));
        // Who is linked lives, whatever is said.
        assert_eq!(world.told(), a(20_001));
    }
}
