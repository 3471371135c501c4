//! A ledger by itself; in [`model`] leaders and proxies that lose each other.

mod model;

use std::collections::BTreeSet;
use std::time::Duration;

use rouse_api::link::{Account, EndpointId, OwnedOf};
use rouse_api::workload::WorkloadId;
use tokio::time::Instant;

use super::{Ledger, News, Sharers, Use};
use crate::demand::MemberNo;

const A: MemberNo = MemberNo(1);
const B: MemberNo = MemberNo(2);
const C: MemberNo = MemberNo(3);
const MS: Duration = Duration::from_millis(1);

fn id(name: &str) -> EndpointId {
    EndpointId(name.into())
}

/// A ledger with its members, told by number of owned permits of endpoints `x`, `y`, ...
struct World {
    ledger: Ledger,
    members: u32,
    sequence: u64,
    now: Instant,
}

impl World {
    fn new(limit: u32, members: u32, endpoints: &[&str]) -> Self {
        let mut ledger = Ledger::new(limit, BTreeSet::new());
        ledger.observe(endpoints.iter().map(|name| (id(name), Use::Ready)));
        Self {
            ledger,
            members,
            sequence: 0,
            now: Instant::now() + Duration::from_secs(3600),
        }
    }

    /// `granted` and `returned` are what the member has seen and done.
    fn tell(
        &mut self,
        member: MemberNo,
        (wanted, oldest): (u32, Duration),
        returned: u64,
        owned: &[(&str, u32, u64)],
    ) -> Vec<News> {
        self.sequence += 1;
        let account = |(name, owned, granted): &(&str, u32, u64)| Account {
            endpoint: id(name),
            number: member.0,
            owned: *owned,
            granted: *granted,
        };
        let told = OwnedOf {
            workload: WorkloadId::new("default", "hello"),
            sequence: self.sequence,
            whole: false,
            wanted,
            oldest,
            returned,
            accounts: owned.iter().map(account).collect(),
        };
        self.ledger.tell(member, &told, self.now);
        self.settle()
    }

    fn settle(&mut self) -> Vec<News> {
        let sharers = Sharers {
            count: self.members,
            linked: |_| true,
        };
        self.ledger.settle(sharers, self.now)
    }
}

/// Who is given how many in all, of which endpoint.
fn given(news: &[News]) -> Vec<(MemberNo, String, u64)> {
    let all = news.iter().flat_map(|news| {
        let given = news.given.iter();
        given.map(|given| (news.member, given.endpoint.0.to_string(), given.granted))
    });
    all.collect()
}

/// Who is to give back until it has given so many.
fn recalled(news: &[News]) -> Vec<(MemberNo, u64)> {
    news.iter()
        .map(|news| (news.member, news.recall.until))
        .collect()
}

#[test]
fn the_only_member_has_all_at_once() {
    let mut world = World::new(7, 1, &["x", "y"]);
    let news = world.tell(A, (0, Duration::ZERO), 0, &[("x", 0, 0), ("y", 0, 0)]);
    assert_eq!(given(&news), [(A, "x".into(), 7), (A, "y".into(), 7)]);
    // And is told nothing more, whatever it holds.
    assert_eq!(world.tell(A, (9, MS), 0, &[]), []);
}

#[test]
fn what_nobody_waits_for_is_shared_out() {
    let mut world = World::new(7, 3, &["x"]);
    for member in [A, B, C] {
        let news = world.tell(member, (0, Duration::ZERO), 0, &[("x", 0, 0)]);
        assert_eq!(given(&news), [(member, "x".into(), 2)]);
    }
    // The last is for whoever asks.
    let news = world.tell(B, (1, MS), 0, &[("x", 2, 2)]);
    assert_eq!(given(&news), [(B, "x".into(), 3)]);
}

#[test]
fn the_oldest_held_has_what_is_free() {
    let mut world = World::new(1, 3, &["x"]);
    for member in [A, B, C] {
        assert_eq!(
            world.tell(member, (0, Duration::ZERO), 0, &[("x", 0, 0)]),
            []
        );
    }
    let news = world.tell(A, (1, MS), 0, &[]);
    assert_eq!(given(&news), [(A, "x".into(), 1)]);
    // Two more wait; the owner learns how old the elder is.
    let news = world.tell(B, (4, MS * 20), 0, &[]);
    assert_eq!(recalled(&news), [(A, 1)]);
    assert_eq!(news[0].recall.oldest, MS * 20);
    let news = world.tell(C, (1, MS * 50), 0, &[]);
    assert_eq!(recalled(&news), [(A, 1)]);
    assert_eq!(news[0].recall.oldest, MS * 50);
    // It gives back: the elder has it, and knows at once that another waits.
    let news = world.tell(A, (0, Duration::ZERO), 1, &[("x", 0, 1)]);
    assert_eq!(given(&news), [(C, "x".into(), 1)]);
    assert_eq!(recalled(&news), [(C, 1)]);
    assert_eq!(news[0].recall.oldest, MS * 20);
    // Nobody waits any more: nothing is to be given back.
    let news = world.tell(B, (0, Duration::ZERO), 0, &[]);
    assert_eq!(recalled(&news), [(C, 0)]);
    assert_eq!(world.tell(B, (0, Duration::ZERO), 0, &[]), []);
}

#[test]
fn a_starting_endpoint_is_given_after_the_ready_ones() {
    let mut world = World::new(1, 2, &[]);
    world.ledger.observe([
        (id("x"), Use::Starting),
        (id("y"), Use::Ready),
        (id("z"), Use::Nothing),
    ]);
    let accounts = [("x", 0, 0), ("y", 0, 0), ("z", 0, 0)];
    let news = world.tell(A, (1, MS), 0, &accounts);
    assert_eq!(given(&news), [(A, "y".into(), 1)]);
    let news = world.tell(B, (5, MS), 0, &accounts);
    assert_eq!(given(&news), [(B, "x".into(), 1)]);
}

#[test]
fn a_lower_limit_is_kept_by_those_that_have_most() {
    let mut world = World::new(8, 2, &["x"]);
    world.tell(A, (0, Duration::ZERO), 0, &[("x", 0, 0)]);
    world.tell(B, (4, MS), 0, &[("x", 0, 0)]);
    world.ledger.limit(3);
    let news = world.settle();
    let most: Vec<_> = news.iter().map(|news| news.given[0].most).collect();
    assert_eq!(most, [Some(2), Some(1)]);
    assert_eq!(world.settle(), [], "said once");
    // One has given back, the other is still at work: nothing is free.
    let rests = (0, Duration::ZERO);
    assert_eq!(world.tell(A, rests, 2, &[("x", 2, 4)]), []);
    assert_eq!(world.tell(B, rests, 3, &[("x", 1, 4)]), []);
    // Raised again: what one waits for is given at once.
    world.ledger.limit(4);
    let news = world.tell(A, (4, MS), 2, &[]);
    assert_eq!(given(&news), [(A, "x".into(), 5)]);
    assert_eq!(news[0].given[0].most, None);
}

#[test]
fn what_the_dead_owned_is_free() {
    let mut world = World::new(1, 2, &["x"]);
    world.tell(A, (1, MS), 0, &[("x", 0, 0)]);
    let news = world.tell(B, (1, MS), 0, &[("x", 0, 0)]);
    assert_eq!(recalled(&news), [(A, 1)]);
    world.ledger.bury(A);
    assert_eq!(given(&world.settle()), [(B, "x".into(), 1)]);
}

#[test]
fn nothing_is_given_while_one_may_not_know_of_the_limit() {
    let mut world = World::new(1, 2, &["x"]);
    world.ledger = Ledger::new(1, BTreeSet::from([A, B]));
    world.ledger.observe([(id("x"), Use::Ready)]);
    assert_eq!(world.tell(A, (1, MS), 0, &[("x", 0, 0)]), []);
    // It was at work without a limit: that counts.
    assert_eq!(
        recalled(&world.tell(B, (0, MS), 0, &[("x", 1, 0)])),
        [(B, 1)]
    );
    let news = world.tell(B, (0, MS), 1, &[("x", 0, 0)]);
    assert_eq!(given(&news), [(A, "x".into(), 1)]);
}

#[test]
fn late_and_repeated_words_change_nothing() {
    let mut world = World::new(1, 2, &["x"]);
    let news = world.tell(A, (1, MS), 0, &[("x", 0, 0)]);
    assert_eq!(given(&news), [(A, "x".into(), 1)]);
    world.tell(A, (0, Duration::ZERO), 0, &[("x", 1, 1)]);
    // As it was before it was given anything.
    world.sequence = 0;
    assert_eq!(world.tell(A, (1, MS), 0, &[("x", 0, 0)]), []);
    assert_eq!(world.ledger.owned_by(A), 1);
    world.ledger.silent(A, 1);
    assert_eq!(world.ledger.owned_by(A), 1);
    world.ledger.silent(A, 9);
    assert_eq!(world.ledger.owned_by(A), 0);
}
