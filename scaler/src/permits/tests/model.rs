//! Leaders that believe they lead, proxies that lose their link and die, endpoints that come and go, messages that are lost or come
//! twice: never is more owned of an endpoint than the limit. And when all is said, nobody waits beside an idle permit.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;
use rouse_api::link::{Account, EndpointId, OwnedOf};
use rouse_api::workload::WorkloadId;
use tokio::time::Instant;

use super::{Ledger, MS, News, Sharers, Use, id};
use crate::demand::MemberNo;

const PROXIES: usize = 3;
const ENDPOINTS: usize = 3;

#[derive(Debug, Clone)]
enum Step {
    /// The leader hears a word of this proxy, the proxy one of its leader; whether it comes once more later.
    ToLeader(usize, bool),
    ToProxy(usize, bool),
    /// A request wants a permit, gives up, or ends on that endpoint.
    Arrive(usize),
    GiveUp(usize),
    End(usize, usize),
    /// The link breaks and is made anew, perhaps to the newest leader.
    Relink(usize, bool),
    Die(usize),
    /// A leader learns who is dead.
    Bury(bool),
    /// Another leads; the one before does not know.
    Lead,
    /// An endpoint's replica is another.
    Replace(usize),
    /// A leader observes what there is.
    Observe(bool),
}

fn step() -> impl Strategy<Value = Step> {
    let (proxy, flag) = (0..PROXIES, any::<bool>());
    prop_oneof![
        6 => (proxy.clone(), prop::bool::weighted(0.1)).prop_map(|(p, twice)| Step::ToLeader(p, twice)),
        6 => (proxy.clone(), prop::bool::weighted(0.1)).prop_map(|(p, twice)| Step::ToProxy(p, twice)),
        4 => proxy.clone().prop_map(Step::Arrive),
        1 => proxy.clone().prop_map(Step::GiveUp),
        3 => (proxy.clone(), 0..ENDPOINTS).prop_map(|(p, e)| Step::End(p, e)),
        1 => (proxy.clone(), flag).prop_map(|(p, newest)| Step::Relink(p, newest)),
        1 => proxy.prop_map(Step::Die),
        1 => flag.prop_map(Step::Bury),
        1 => Just(Step::Lead),
        1 => (0..ENDPOINTS).prop_map(Step::Replace),
        2 => flag.prop_map(Step::Observe),
    ]
}

#[derive(Debug, Clone)]
enum ToProxy {
    Endpoints(BTreeSet<EndpointId>),
    News(News),
}

#[derive(Debug, Default, Clone)]
struct Own {
    number: u64,
    owned: u32,
    granted: u64,
    in_flight: u32,
    gone: bool,
}

#[derive(Debug, Default)]
struct Proxy {
    no: u64,
    leader: usize,
    accounts: BTreeMap<EndpointId, Own>,
    waiting: u32,
    returned: u64,
    until: u64,
    to_leader: VecDeque<(bool, OwnedOf)>,
    to_proxy: VecDeque<ToProxy>,
    dead: bool,
}

#[derive(Debug)]
struct Leader {
    ledger: Ledger,
    told: BTreeSet<u64>,
    buried: BTreeSet<u64>,
}

#[derive(Debug)]
struct Model {
    limit: u32,
    counter: u64,
    proxies: Vec<Proxy>,
    leaders: Vec<Leader>,
    endpoints: Vec<EndpointId>,
    now: Instant,
}

impl Proxy {
    fn use_permits(&mut self) {
        for own in self.accounts.values_mut().filter(|own| !own.gone) {
            while self.waiting > 0 && own.in_flight < own.owned {
                own.in_flight += 1;
                self.waiting -= 1;
            }
        }
        for own in self.accounts.values_mut().filter(|own| !own.gone) {
            while self.returned < self.until && own.in_flight < own.owned {
                own.owned -= 1;
                self.returned += 1;
            }
        }
    }

    fn say(&mut self, counter: &mut u64, first: bool) {
        *counter += 1;
        let account = |(id, own): (&EndpointId, &Own)| Account {
            endpoint: id.clone(),
            number: own.number,
            owned: own.owned,
            granted: own.granted,
        };
        let told = OwnedOf {
            workload: WorkloadId::new("default", "hello"),
            sequence: *counter,
            whole: true,
            wanted: self.waiting,
            oldest: MS,
            returned: self.returned,
            accounts: self.accounts.iter().map(account).collect(),
        };
        self.to_leader.push_back((first, told));
    }

    /// Begins to tell its leader: all accounts are new.
    fn introduce(&mut self, counter: &mut u64) {
        self.to_leader.clear();
        self.to_proxy.clear();
        self.until = 0;
        for own in self.accounts.values_mut() {
            *counter += 1;
            (own.number, own.granted) = (*counter, 0);
        }
        self.say(counter, true);
    }

    fn hear(&mut self, message: ToProxy, counter: &mut u64) {
        match message {
            ToProxy::Endpoints(told) => {
                for (id, own) in &mut self.accounts {
                    if !told.contains(id) {
                        own.gone = true;
                        own.owned = own.in_flight;
                    }
                }
                self.accounts
                    .retain(|_, own| !own.gone || own.in_flight > 0);
                for id in told {
                    let own = self.accounts.entry(id).or_default();
                    if own.number == 0 || std::mem::take(&mut own.gone) {
                        *counter += 1;
                        (own.number, own.granted) = (*counter, 0);
                    }
                }
            }
            ToProxy::News(news) => {
                self.until = news.recall.until;
                for given in news.given {
                    if let Some(own) = self.accounts.get_mut(&given.endpoint)
                        && own.number == given.number
                        && given.granted > own.granted
                        && !own.gone
                    {
                        own.owned += u32::try_from(given.granted - own.granted).unwrap();
                        own.granted = given.granted;
                    }
                }
            }
        }
        self.use_permits();
        self.say(counter, false);
    }
}

impl Model {
    fn new(limit: u32) -> Self {
        let mut model = Self {
            limit,
            counter: 0,
            proxies: Vec::new(),
            leaders: Vec::new(),
            endpoints: Vec::new(),
            now: Instant::now(),
        };
        for _ in 0..ENDPOINTS {
            let name = model.next().to_string();
            model.endpoints.push(id(&name));
        }
        model.lead();
        for _ in 0..PROXIES {
            let no = model.next();
            model.proxies.push(Proxy {
                no,
                ..Proxy::default()
            });
        }
        for proxy in 0..PROXIES {
            model.relink(proxy, true);
        }
        model
    }

    fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    fn lead(&mut self) {
        self.leaders.push(Leader {
            ledger: Ledger::new(self.limit, BTreeSet::new()),
            told: BTreeSet::new(),
            buried: BTreeSet::new(),
        });
        self.observe(self.leaders.len() - 1);
    }

    fn relink(&mut self, at: usize, newest: bool) {
        let proxy = &mut self.proxies[at];
        if newest {
            proxy.leader = self.leaders.len() - 1;
        }
        proxy.introduce(&mut self.counter);
        let told = self.endpoints.iter().cloned().collect();
        proxy.to_proxy.push_back(ToProxy::Endpoints(told));
    }

    fn observe(&mut self, leader: usize) {
        let all = self.endpoints.iter().map(|id| (id.clone(), Use::Ready));
        self.leaders[leader].ledger.observe(all);
        for proxy in self
            .proxies
            .iter_mut()
            .filter(|proxy| proxy.leader == leader)
        {
            let told = self.endpoints.iter().cloned().collect();
            proxy.to_proxy.push_back(ToProxy::Endpoints(told));
        }
        self.settle(leader);
    }

    fn settle(&mut self, at: usize) {
        let leader = &mut self.leaders[at];
        // Those that are not dead to it must have told.
        let waits = self
            .proxies
            .iter()
            .any(|proxy| !leader.buried.contains(&proxy.no) && !leader.told.contains(&proxy.no));
        if waits {
            return;
        }
        let linked: BTreeSet<u64> = self
            .proxies
            .iter()
            .filter(|proxy| proxy.leader == at && !proxy.dead)
            .map(|proxy| proxy.no)
            .collect();
        let sharers = Sharers {
            count: u32::try_from(PROXIES).unwrap(),
            linked: |member: MemberNo| linked.contains(&member.0),
        };
        for news in leader.ledger.settle(sharers, self.now) {
            let to = self
                .proxies
                .iter_mut()
                .find(|proxy| proxy.no == news.member.0);
            to.unwrap().to_proxy.push_back(ToProxy::News(news));
        }
    }

    fn leader_hears(&mut self, at: usize, twice: bool) {
        let proxy = &mut self.proxies[at];
        let Some((first, told)) = proxy.to_leader.pop_front() else {
            return;
        };
        if twice {
            proxy.to_leader.push_back((false, told.clone()));
        }
        let (leader, no) = (proxy.leader, proxy.no);
        if self.leaders[leader].buried.contains(&no) {
            return;
        }
        if first {
            self.leaders[leader].ledger.meet(MemberNo(no));
        }
        self.leaders[leader]
            .ledger
            .tell(MemberNo(no), &told, self.now);
        if first {
            self.leaders[leader].told.insert(no);
        }
        self.settle(leader);
    }

    fn proxy_hears(&mut self, at: usize, twice: bool) {
        let proxy = &mut self.proxies[at];
        if proxy.dead {
            return;
        }
        if let Some(message) = proxy.to_proxy.pop_front() {
            if twice && matches!(message, ToProxy::News(_)) {
                proxy.to_proxy.push_back(message.clone());
            }
            proxy.hear(message, &mut self.counter);
        }
    }

    fn bury(&mut self, leader: usize) {
        for proxy in self.proxies.iter().filter(|proxy| proxy.dead) {
            if self.leaders[leader].buried.insert(proxy.no) {
                self.leaders[leader].ledger.bury(MemberNo(proxy.no));
            }
        }
        self.settle(leader);
    }

    fn change(&mut self, at: usize, change: impl FnOnce(&mut Proxy)) {
        let proxy = &mut self.proxies[at];
        if !proxy.dead {
            change(proxy);
            proxy.use_permits();
            proxy.say(&mut self.counter, false);
        }
    }

    fn step(&mut self, step: Step) {
        let newest = self.leaders.len() - 1;
        let some = |new: bool| {
            if new {
                newest
            } else {
                newest.saturating_sub(1)
            }
        };
        match step {
            Step::ToLeader(at, twice) => self.leader_hears(at, twice),
            Step::ToProxy(at, twice) => self.proxy_hears(at, twice),
            Step::Arrive(at) => self.change(at, |proxy| proxy.waiting += 1),
            Step::GiveUp(at) => self.change(at, |proxy| {
                proxy.waiting = proxy.waiting.saturating_sub(1);
            }),
            Step::End(at, endpoint) => self.change(at, |proxy| {
                if let Some(own) = proxy.accounts.values_mut().nth(endpoint) {
                    own.in_flight = own.in_flight.saturating_sub(1);
                    if own.gone {
                        own.owned = own.in_flight;
                    }
                }
                proxy
                    .accounts
                    .retain(|_, own| !own.gone || own.in_flight > 0);
            }),
            Step::Relink(at, new) if !self.proxies[at].dead => self.relink(at, new),
            Step::Die(at) if self.proxies.iter().filter(|proxy| !proxy.dead).count() > 1 => {
                self.proxies[at].dead = true;
            }
            Step::Bury(new) => self.bury(some(new)),
            Step::Lead if self.leaders.len() < 4 => self.lead(),
            Step::Replace(at) => {
                let name = self.next().to_string();
                self.endpoints[at] = id(&name);
            }
            Step::Observe(new) => self.observe(some(new)),
            _ => {}
        }
    }

    /// What is really owned, and never more in flight than that.
    fn check(&self) -> Result<(), TestCaseError> {
        let mut owned: BTreeMap<&EndpointId, u32> = BTreeMap::new();
        for proxy in self.proxies.iter().filter(|proxy| !proxy.dead) {
            for (id, own) in &proxy.accounts {
                *owned.entry(id).or_default() += own.owned;
                prop_assert!(own.in_flight <= own.owned);
            }
        }
        prop_assert!(
            owned.values().all(|owned| *owned <= self.limit),
            "{owned:?}"
        );
        Ok(())
    }

    /// All are linked to the newest leader and everything is said.
    fn calm(&mut self) -> Result<(), TestCaseError> {
        let newest = self.leaders.len() - 1;
        self.bury(newest);
        for at in 0..PROXIES {
            if !self.proxies[at].dead {
                self.relink(at, true);
            }
        }
        self.observe(newest);
        for _ in 0..200 {
            for at in 0..PROXIES {
                self.leader_hears(at, false);
                self.proxy_hears(at, false);
                self.check()?;
            }
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn never_more_is_owned_than_the_limit(
        steps in prop::collection::vec(step(), 1..200),
        limit in 1..4_u32,
    ) {
        let mut model = Model::new(limit);
        for step in steps {
            model.step(step);
            model.check()?;
        }
        model.calm()?;
        let alive = || model.proxies.iter().filter(|proxy| !proxy.dead);
        for proxy in alive() {
            prop_assert!(proxy.to_leader.is_empty() && proxy.to_proxy.is_empty(), "it goes on and on");
        }
        let waiting: u32 = alive().map(|proxy| proxy.waiting).sum();
        let in_flight: u32 = alive()
            .flat_map(|proxy| &proxy.accounts)
            .filter(|(id, _)| model.endpoints.contains(id))
            .map(|(_, own)| own.in_flight)
            .sum();
        let all = limit * u32::try_from(ENDPOINTS).unwrap();
        prop_assert!(waiting == 0 || in_flight == all, "{waiting} wait, {in_flight} of {all} in flight");
    }
}
