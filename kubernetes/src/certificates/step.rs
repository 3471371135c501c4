//! What each step makes of what was there.

use jiff::Timestamp;

use super::Lifetimes;
use super::issue::{Pair, Whose};
use super::plan::Step;
use super::secrets::{Authorities, Proxies};

/// The authorities after it.
///
/// # Errors
/// Keys or certificates can't be made.
pub(super) fn change(
    step: Step,
    before: Option<Authorities>,
    lifetimes: &Lifetimes,
    now: Timestamp,
) -> Result<Authorities, String> {
    let fresh = || Pair::authority(now, lifetimes.authority);
    match (step, before) {
        (Step::Announce, Some(before)) => Ok(Authorities {
            next: Some(fresh()?),
            ..before
        }),
        (Step::Promote, Some(mut before)) if before.next.is_some() => {
            let former = before.formers(now);
            let next = before.next.take();
            Ok(Authorities {
                signing: next.unwrap_or(before.signing),
                next: None,
                former,
            })
        }
        (_, before) => Ok(Authorities {
            signing: fresh()?,
            next: None,
            former: before.map_or(Vec::new(), |before| before.formers(now)),
        }),
    }
}

/// What proxies are to have.
///
/// # Errors
/// As above.
pub(super) fn equip(
    authorities: &Authorities,
    before: Option<Proxies>,
    lifetimes: &Lifetimes,
    now: Timestamp,
) -> Result<Proxies, String> {
    let knew = before.filter(|before| before.bundle.contains(authorities.newest()));
    let signing = &authorities.signing;
    Ok(Proxies {
        bundle: authorities.bundle(now),
        pair: signing.sign(Whose::Proxies, now, lifetimes.certificate)?,
        since: knew.map_or(now, |before| before.since),
    })
}

/// For people.
pub(super) fn told(step: Step) -> &'static str {
    match step {
        Step::Begin => "a new authority signs",
        Step::Announce => "a new authority is believed, and will sign",
        Step::Promote => "the next authority signs",
        Step::Equip => "proxies get a new certificate",
    }
}

/// Where a test can end the process: after each write.
pub(super) fn point(step: Step) -> &'static str {
    match step {
        Step::Begin => "authority-begun",
        Step::Announce => "authority-announced",
        Step::Promote => "authority-promoted",
        Step::Equip => "proxies-equipped",
    }
}
