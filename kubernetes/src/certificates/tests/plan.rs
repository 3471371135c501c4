//! What is due when.

use jiff::Timestamp;

use super::super::issue::{Pair, Whose};
use super::super::plan::{Plan, Step, plan};
use super::*;

fn at(minutes: u64) -> Timestamp {
    let start = "2026-01-01T00:00:00Z".parse().unwrap();
    later(start, MINUTE * u32::try_from(minutes).unwrap())
}

fn authority(minute: u64) -> Pair {
    Pair::authority(at(minute), LIFETIMES.authority).unwrap()
}

/// One authority since the beginning.
fn begun() -> Authorities {
    Authorities {
        signing: authority(0),
        next: None,
        former: Vec::new(),
    }
}

/// One that will end at 1000, and one since 700.
fn announced() -> Authorities {
    Authorities {
        next: Some(authority(700)),
        ..begun()
    }
}

fn equipped(authorities: &Authorities, minute: u64) -> Proxies {
    let signed = authorities
        .signing
        .sign(Whose::Proxies, at(minute), LIFETIMES.certificate);
    Proxies {
        bundle: authorities.bundle(at(minute)),
        pair: signed.unwrap(),
        since: at(minute),
    }
}

fn planned(authorities: &Authorities, proxies: &Proxies, minute: u64) -> Plan {
    plan(Some(authorities), Some(proxies), &LIFETIMES, at(minute))
}

#[test]
fn what_is_missing_is_made() {
    assert_eq!(plan(None, None, &LIFETIMES, at(0)), Plan::Do(Step::Begin));
    let (authorities, proxies) = (begun(), equipped(&begun(), 0));
    let none = plan(None, Some(&proxies), &LIFETIMES, at(0));
    assert_eq!(none, Plan::Do(Step::Begin));
    let none = plan(Some(&authorities), None, &LIFETIMES, at(0));
    assert_eq!(none, Plan::Do(Step::Equip));
}

#[test]
fn a_certificate_is_renewed_after_two_thirds() {
    let authorities = begun();
    let proxies = equipped(&authorities, 0);
    let renewal = later(at(0), LIFETIMES.certificate * 2 / 3);
    assert_eq!(planned(&authorities, &proxies, 0), Plan::Wait(renewal));
    assert_eq!(planned(&authorities, &proxies, 166), Plan::Wait(renewal));
    let due = planned(&authorities, &proxies, 167);
    assert_eq!(due, Plan::Do(Step::Equip));
}

#[test]
fn one_of_another_authority_is_renewed_at_once() {
    let proxies = equipped(&begun(), 0);
    let other = begun();
    assert_eq!(planned(&other, &proxies, 1), Plan::Do(Step::Equip));
    let same_bundle = Proxies {
        bundle: other.bundle(at(0)),
        ..proxies
    };
    assert_eq!(planned(&other, &same_bundle, 1), Plan::Do(Step::Equip));
}

#[test]
fn an_authority_is_announced_after_two_thirds() {
    let authorities = begun();
    let proxies = equipped(&authorities, 600);
    let announced = later(at(0), LIFETIMES.authority * 2 / 3);
    assert_eq!(planned(&authorities, &proxies, 600), Plan::Wait(announced));
    let due = planned(&authorities, &proxies, 667);
    assert_eq!(due, Plan::Do(Step::Announce));
}

#[test]
fn it_signs_only_when_proxies_have_believed_it_for_the_overlap() {
    let authorities = announced();
    let before = equipped(&begun(), 690);
    // However late: proxies come first.
    for minute in [700, 800, 999] {
        let step = planned(&authorities, &before, minute);
        assert_eq!(step, Plan::Do(Step::Equip), "{minute}");
    }
    let proxies = equipped(&authorities, 701);
    assert_eq!(planned(&authorities, &proxies, 701), Plan::Wait(at(711)));
    assert_eq!(planned(&authorities, &proxies, 710), Plan::Wait(at(711)));
    let due = planned(&authorities, &proxies, 711);
    assert_eq!(due, Plan::Do(Step::Promote));
}

#[test]
fn when_little_time_is_left_half_of_it_must_do() {
    let authorities = announced();
    let proxies = equipped(&authorities, 990);
    // Its certificate ends with the authority: it would be renewed after 6 minutes and 40 seconds.
    assert_eq!(planned(&authorities, &proxies, 990), Plan::Wait(at(995)));
    let due = planned(&authorities, &proxies, 995);
    assert_eq!(due, Plan::Do(Step::Promote));
}

#[test]
fn an_authority_that_is_over_is_replaced() {
    let authorities = begun();
    let proxies = equipped(&authorities, 990);
    assert_eq!(planned(&authorities, &proxies, 1000), Plan::Do(Step::Begin));
    // By the one that is announced, whoever has heard of it.
    let authorities = announced();
    let due = planned(&authorities, &proxies, 1000);
    assert_eq!(due, Plan::Do(Step::Promote));
    // Unless that is over, too.
    let due = planned(&authorities, &proxies, 1700);
    assert_eq!(due, Plan::Do(Step::Begin));
}

#[test]
fn what_is_over_leaves_the_bundle() {
    let authorities = Authorities {
        signing: authority(700),
        next: None,
        former: vec![authority(0).certificate],
    };
    let proxies = equipped(&authorities, 950);
    assert_eq!(proxies.bundle.len(), 2);
    assert_eq!(planned(&authorities, &proxies, 950), Plan::Wait(at(1000)));
    let due = planned(&authorities, &proxies, 1000);
    assert_eq!(due, Plan::Do(Step::Equip));
    let proxies = equipped(&authorities, 1000);
    assert_eq!(proxies.bundle, authorities.bundle(at(1000)));
    assert_eq!(proxies.bundle.len(), 1);
}

#[test]
fn shorter_lifetimes_hold_for_what_is_there() {
    let authorities = begun();
    let proxies = equipped(&authorities, 0);
    let short = Lifetimes {
        authority: MINUTE * 30,
        ..LIFETIMES
    };
    let due = plan(Some(&authorities), Some(&proxies), &short, at(20));
    assert_eq!(due, Plan::Do(Step::Announce));
    let short = Lifetimes {
        certificate: MINUTE * 30,
        ..LIFETIMES
    };
    let due = plan(Some(&authorities), Some(&proxies), &short, at(20));
    assert_eq!(due, Plan::Do(Step::Equip));
}

#[test]
fn a_clock_that_is_behind_makes_nothing_anew() {
    let authorities = begun();
    let proxies = equipped(&authorities, 60);
    assert!(matches!(planned(&authorities, &proxies, 0), Plan::Wait(_)));
}
