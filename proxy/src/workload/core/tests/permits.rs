//! What is owned, wanted, given and given back. The leader is played by hand.

use rouse_api::link::{Account, Given, Granted, OwnedOf, Recall};

use super::*;
use crate::workload::core::permits::YIELD;

const MS: Duration = Duration::from_millis(1);
const TERM: u32 = 3;

/// What the core says now, if anything.
fn said(core: &mut Core, now: Instant) -> Option<OwnedOf> {
    let owned = core.tell(false, now)?;
    assert_eq!((owned.term, owned.whole), (TERM, false));
    owned.workloads.into_iter().next()
}

fn accounts(told: &OwnedOf) -> Vec<(&str, u32)> {
    let each = |account: &Account| (account.owned, account.endpoint.clone());
    let mut all: Vec<_> = told.accounts.iter().map(each).collect();
    all.sort_by(|a, b| a.1.cmp(&b.1));
    let name = |id: &EndpointId| told.accounts.iter().position(|one| one.endpoint == *id);
    all.iter()
        .map(|(owned, id)| (&*told.accounts[name(id).unwrap()].endpoint.0, *owned))
        .collect()
}

fn number(told: &OwnedOf, endpoint: &str) -> u64 {
    let mut all = told.accounts.iter();
    all.find(|account| &*account.endpoint.0 == endpoint)
        .unwrap()
        .number
}

fn grant(core: &mut Core, given: Vec<Given>, until: u64, oldest: Duration, now: Instant) {
    let granted = Granted {
        workload: WorkloadId::new("default", "w"),
        term: TERM,
        recall: Recall { until, oldest },
        given,
    };
    core.granted(&granted, now);
}

fn given(endpoint: &str, number: u64, granted: u64) -> Given {
    Given {
        endpoint: EndpointId(endpoint.into()),
        number,
        granted,
        most: None,
    }
}

/// All that a leader gives to the only proxy.
pub(super) fn give_all(core: &mut Core, now: Instant) {
    if core.permits.term.is_none() {
        core.lead(Some(TERM), now);
        core.introduced();
        core.unheard();
    }
    let Some(told) = said(core, now) else { return };
    let all = told.accounts.iter();
    let all = all.map(|one| given(&one.endpoint.0, one.number, one.granted.max(1000)));
    grant(core, all.collect(), 0, Duration::ZERO, now);
}

/// A core with a limit and a leader that knows it, and its accounts.
fn linked(limit: u32, told: &[(&str, EndpointState)], now: Instant) -> (Core, OwnedOf) {
    let mut core = core(Some(limit), 100, now);
    assert_eq!(core.lead(Some(TERM), now), None, "nothing to say");
    core.introduced();
    core.apply(&state(told), now);
    let told = said(&mut core, now).unwrap();
    assert_eq!(said(&mut core, now), None, "said once");
    (core, told)
}

#[test]
fn nothing_goes_without_a_permit_and_one_is_asked_for_at_once() {
    let now = Instant::now();
    let (mut core, told) = linked(2, &[("a", Ready)], now);
    assert_eq!(accounts(&told), [("a", 0)]);
    let mut held: Vec<_> = (0..3).map(|_| waits(request(&mut core, now).1)).collect();
    let asked = said(&mut core, now + MS).unwrap();
    assert_eq!((asked.wanted, asked.oldest), (3, MS));
    assert_eq!(asked.accounts, []);
    grant(
        &mut core,
        vec![given("a", number(&told, "a"), 1)],
        0,
        Duration::ZERO,
        now,
    );
    let slot = went(&mut held[0]).unwrap();
    assert!(went(&mut held[1]).is_none());
    assert_eq!(said(&mut core, now), None, "it has asked for them all");
    // The same message again gives nothing.
    grant(
        &mut core,
        vec![given("a", number(&told, "a"), 1)],
        0,
        Duration::ZERO,
        now,
    );
    assert!(went(&mut held[1]).is_none());
    core.release(slot, true, now);
    assert!(
        went(&mut held[1]).is_some(),
        "it is owned, not lent for one"
    );
}

#[test]
fn what_is_of_another_account_or_leader_is_void() {
    let now = Instant::now();
    let (mut core, told) = linked(1, &[("a", Ready)], now);
    let a = number(&told, "a");
    grant(
        &mut core,
        vec![given("a", a + 1, 1), given("b", a, 1)],
        0,
        Duration::ZERO,
        now,
    );
    let mut granted = Granted {
        workload: WorkloadId::new("default", "w"),
        term: TERM - 1,
        recall: Recall::default(),
        given: vec![given("a", a, 1)],
    };
    core.granted(&granted, now);
    waits(request(&mut core, now).1);
    // A new leader is told of a new account.
    let first = core.lead(Some(TERM + 1), now).unwrap();
    assert!(number(&first, "a") > a);
    granted.term = TERM + 1;
    core.granted(&granted, now);
    assert_eq!(core.in_flight(), 0);
    granted.given = vec![given("a", number(&first, "a"), 1)];
    core.granted(&granted, now);
    assert_eq!(core.in_flight(), 0, "the client has left");
    assert!(
        core.tell(false, now).is_none(),
        "not before the first word is out"
    );
    goes(request(&mut core, now).1);
}

#[test]
fn what_is_idle_is_given_back_at_once_and_the_rest_as_it_falls_free() {
    let now = Instant::now();
    let (mut core, told) = linked(4, &[("a", Ready)], now);
    let a = number(&told, "a");
    grant(&mut core, vec![given("a", a, 4)], 0, Duration::ZERO, now);
    let slots: Vec<_> = (0..3).map(|_| goes(request(&mut core, now).1)).collect();
    grant(&mut core, Vec::new(), 2, MS, now);
    let back = said(&mut core, now).unwrap();
    assert_eq!((accounts(&back), back.returned), (vec![("a", 3)], 1));
    core.release(slots[0], true, now);
    let back = said(&mut core, now).unwrap();
    assert_eq!((accounts(&back), back.returned), (vec![("a", 2)], 2));
    // That is all that was asked for.
    core.release(slots[1], true, now);
    assert_eq!(said(&mut core, now), None);
}

#[test]
fn own_requests_go_first_until_others_are_older_by_much() {
    let start = Instant::now();
    let (mut core, told) = linked(1, &[("a", Ready)], start);
    grant(
        &mut core,
        vec![given("a", number(&told, "a"), 1)],
        0,
        Duration::ZERO,
        start,
    );
    let slot = goes(request(&mut core, start).1);
    let mut near = waits(request(&mut core, start + YIELD).1);
    let mut far = waits(request(&mut core, start + YIELD + MS).1);
    assert_eq!(said(&mut core, start), None, "all permits are here");
    // Another's has waited since the start.
    grant(&mut core, Vec::new(), 1, YIELD * 2, start + YIELD * 2);
    assert_eq!(said(&mut core, start), None);
    core.release(slot, true, start + YIELD * 2);
    let slot = went(&mut near).unwrap();
    core.release(slot, true, start + YIELD * 3);
    assert!(went(&mut far).is_none());
    let back = said(&mut core, start + YIELD * 3).unwrap();
    assert_eq!(
        (accounts(&back), back.returned, back.wanted),
        (vec![("a", 0)], 1, 1)
    );
    assert_eq!(back.oldest, YIELD * 2 - MS);
}

#[test]
fn a_recall_that_is_off_takes_nothing() {
    let now = Instant::now();
    let (mut core, told) = linked(1, &[("a", Ready)], now);
    grant(
        &mut core,
        vec![given("a", number(&told, "a"), 1)],
        0,
        Duration::ZERO,
        now,
    );
    let slot = goes(request(&mut core, now).1);
    grant(&mut core, Vec::new(), 1, MS, now);
    grant(&mut core, Vec::new(), 0, Duration::ZERO, now);
    core.release(slot, true, now);
    assert_eq!(said(&mut core, now), None);
    goes(request(&mut core, now).1);
}

#[test]
fn without_a_leader_everything_is_kept() {
    let now = Instant::now();
    let (mut core, told) = linked(1, &[("a", Ready)], now);
    grant(
        &mut core,
        vec![given("a", number(&told, "a"), 1)],
        0,
        Duration::ZERO,
        now,
    );
    let slot = goes(request(&mut core, now).1);
    grant(&mut core, Vec::new(), 1, MS, now);
    assert_eq!(core.lead(None, now), None);
    core.release(slot, true, now);
    core.set_unlinked(true, now);
    core.set_unlinked(false, now);
    goes(request(&mut core, now).1);
    let first = core.lead(Some(TERM + 1), now).unwrap();
    assert_eq!(accounts(&first), [("a", 1)]);
    assert!(first.whole);
}

#[test]
fn a_lower_limit_is_reached_as_requests_end() {
    let now = Instant::now();
    let (mut core, told) = linked(2, &[("a", Ready)], now);
    let a = number(&told, "a");
    grant(&mut core, vec![given("a", a, 2)], 0, Duration::ZERO, now);
    let slots: Vec<_> = (0..2).map(|_| goes(request(&mut core, now).1)).collect();
    let mut held = waits(request(&mut core, now).1);
    core.configure(&http(Some(1), 100), 1024, now);
    let mut lower = given("a", a, 2);
    lower.most = Some(1);
    grant(&mut core, vec![lower], 0, Duration::ZERO, now);
    core.release(slots[0], true, now);
    assert!(went(&mut held).is_none());
    assert_eq!(accounts(&said(&mut core, now).unwrap()), [("a", 1)]);
    core.release(slots[1], true, now);
    assert!(went(&mut held).is_some());
}

#[test]
fn a_limit_that_is_new_counts_what_was_sent_without() {
    let now = Instant::now();
    let mut core = core(None, 10, now);
    core.lead(Some(TERM), now);
    core.introduced();
    core.apply(&state(&[("a", Ready), ("b", Ready)]), now);
    let first = goes(request(&mut core, now).1);
    assert_eq!(said(&mut core, now), None, "nothing without a limit");
    core.configure(&http(Some(1), 10), 1024, now);
    let told = said(&mut core, now).unwrap();
    let sum: u32 = told.accounts.iter().map(|account| account.owned).sum();
    assert_eq!((told.accounts.len(), sum, told.whole), (2, 1, true));
    waits(request(&mut core, now).1);
    core.release(first, true, now);
    goes(request(&mut core, now).1);
    core.configure(&http(None, 10), 1024, now);
    goes(request(&mut core, now).1);
    assert_eq!(said(&mut core, now), None);
}

#[test]
fn what_is_in_flight_on_an_endpoint_that_has_gone_is_owned_until_it_ends() {
    let now = Instant::now();
    let (mut core, told) = linked(1, &[("a", Ready)], now);
    grant(
        &mut core,
        vec![given("a", number(&told, "a"), 1)],
        0,
        Duration::ZERO,
        now,
    );
    let slot = goes(request(&mut core, now).1);
    core.apply(&state(&[]), now);
    let gone = said(&mut core, now).unwrap();
    assert_eq!((accounts(&gone), gone.whole), (vec![("a", 1)], true));
    // The scaler that is heard now still has it: the permit is in use all the same.
    core.apply(&state(&[("a", Ready)]), now);
    let back = said(&mut core, now).unwrap();
    assert_eq!(accounts(&back), [("a", 1)]);
    assert!(number(&back, "a") > number(&told, "a"));
    let mut held = waits(request(&mut core, now).1);
    core.release(slot, true, now);
    core.pace(now);
    let slot = went(&mut held).unwrap();
    core.apply(&state(&[]), now);
    core.release(slot, true, now);
    let over = said(&mut core, now).unwrap();
    assert_eq!((accounts(&over), over.whole), (vec![], true));
}

#[test]
fn a_workload_that_is_removed_keeps_only_what_is_in_flight() {
    let now = Instant::now();
    let (mut core, told) = linked(3, &[("a", Ready)], now);
    grant(
        &mut core,
        vec![given("a", number(&told, "a"), 3)],
        0,
        Duration::ZERO,
        now,
    );
    let slot = goes(request(&mut core, now).1);
    core.remove(now);
    assert_eq!(accounts(&said(&mut core, now).unwrap()), [("a", 1)]);
    core.release(slot, true, now);
    assert_eq!(accounts(&said(&mut core, now).unwrap()), [("a", 0)]);
}

#[test]
fn what_is_wanted_is_told_seldom_while_it_lasts() {
    let start = Instant::now();
    let (mut core, _) = linked(1, &[("a", Starting)], start);
    let mut held = vec![waits(request(&mut core, start).1)];
    let mut said = 0;
    // A growing line is told when it has doubled, at regular looks when its head has moved or to repeat it.
    for n in 1..100 {
        said += u32::from(core.tell(false, start).is_some());
        held.push(waits(request(&mut core, start).1));
        assert_eq!(core.lacking(), n + 1);
    }
    assert_eq!(said, 7);
    let mut at = start;
    let mut repeated = 0;
    for _ in 0..500 {
        at += MS * 20;
        core.pace(at);
        repeated += u32::from(core.tell(true, at).is_some());
    }
    assert!((10..20).contains(&repeated), "{repeated} times in 10 s");
    let leaving: Vec<Ticket> = core.waiting.keys().copied().collect();
    leaving
        .into_iter()
        .for_each(|ticket| assert!(core.leave(ticket, at)));
    assert_eq!(core.tell(true, at).unwrap().workloads[0].wanted, 0);
    assert!(core.tell(true, at + MS * 9000).is_none());
}

#[test]
fn a_permit_of_a_starting_endpoint_is_there_when_it_is_ready() {
    let now = Instant::now();
    let (mut core, told) = linked(1, &[("a", Starting)], now);
    let mut held = waits(request(&mut core, now).1);
    assert_eq!(said(&mut core, now).unwrap().wanted, 1);
    grant(
        &mut core,
        vec![given("a", number(&told, "a"), 1)],
        0,
        Duration::ZERO,
        now,
    );
    assert_eq!(core.lacking(), 0);
    core.apply(&state(&[("a", Ready)]), now);
    assert!(went(&mut held).is_some());
}

#[test]
fn what_was_not_heard_is_told_again_whole() {
    let now = Instant::now();
    let (mut core, told) = linked(1, &[("a", Ready)], now);
    core.unheard();
    let again = said(&mut core, now).unwrap();
    assert!(again.whole && again.sequence > told.sequence);
    assert_eq!(again.accounts, told.accounts);
}
