//! What is to be done next, and when something will be. Pure.

use jiff::Timestamp;

use super::Lifetimes;
use super::certificate::{between, later};
use super::issue::Pair;
use super::secrets::{Authorities, Proxies};

/// One write to one Secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// There is no authority that is still good: a new one signs at once.
    Begin,
    /// A new authority is believed from now on.
    Announce,
    /// The announced one signs from now on.
    Promote,
    /// Proxies get what fits the authorities.
    Equip,
}

/// What is due now, or else when to look again at the latest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plan {
    Do(Step),
    Wait(Timestamp),
}

/// What follows from both Secrets, `None` for one that isn't there. It is done step by step; after each it is asked again.
pub(super) fn plan(
    authorities: Option<&Authorities>,
    proxies: Option<&Proxies>,
    lifetimes: &Lifetimes,
    now: Timestamp,
) -> Plan {
    let Some(authorities) = authorities else {
        return Plan::Do(Step::Begin);
    };
    let signing = &authorities.signing.certificate;
    let next = authorities.next.as_ref().map(|next| &next.certificate);
    let next = next.filter(|next| !next.is_over(now));
    if signing.is_over(now) {
        // Whoever has not heard of the next one could not use the one before either.
        return Plan::Do(next.map_or(Step::Begin, |_| Step::Promote));
    }
    let mut wait = signing.until();
    match (next, proxies) {
        (None, _) => {
            let announce = signing.renewal(lifetimes.authority);
            if announce <= now {
                return Plan::Do(Step::Announce);
            }
            wait = wait.min(announce);
        }
        (Some(next), Some(proxies)) if proxies.bundle.contains(next) => {
            let promote = promotion(signing.until(), proxies.since, lifetimes);
            if promote <= now {
                return Plan::Do(Step::Promote);
            }
            wait = wait.min(promote);
        }
        // Until proxies have it in their bundle its time does not run.
        (Some(_), _) => {}
    }
    let Some(proxies) = proxies else {
        return Plan::Do(Step::Equip);
    };
    let bundle = authorities.bundle(now);
    let renewal = renewal(&proxies.pair, authorities, lifetimes);
    if proxies.bundle != bundle || renewal <= now {
        return Plan::Do(Step::Equip);
    }
    let bundle = bundle.iter().map(super::certificate::Certificate::until);
    Plan::Wait(bundle.fold(wait.min(renewal), Timestamp::min))
}

/// When another certificate is needed instead of this one: at once when it is another authority's.
pub(super) fn renewal(pair: &Pair, authorities: &Authorities, lifetimes: &Lifetimes) -> Timestamp {
    if pair
        .certificate
        .is_signed_by(&authorities.signing.certificate)
    {
        pair.certificate.renewal(lifetimes.certificate)
    } else {
        Timestamp::MIN
    }
}

/// When the next authority signs: after the overlap. Before half of what the other one has left is gone in any case, so that all can
/// get their new certificates in the other half.
fn promotion(end: Timestamp, since: Timestamp, lifetimes: &Lifetimes) -> Timestamp {
    later(since, lifetimes.overlap.min(between(since, end) / 2))
}
