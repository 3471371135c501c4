//! What is said of a front.

use rouse_api::resource::{ConditionType, FrontStatus, Status};

use super::{Said, number};
use crate::facts::{Facts, FrontFacts};

/// Nobody has looked yet since this process leads: what was said stands.
pub(super) fn is_unlooked(facts: &Facts) -> bool {
    let front = facts.front.as_ref();
    front.is_some_and(|front| front.said.is_none() && front.failure.is_none())
}

pub(super) fn status(facts: &Facts, recorded: &Status) -> Option<FrontStatus> {
    if is_unlooked(facts) {
        return recorded.front.clone();
    }
    let said = facts.front.as_ref()?.said.as_ref()?;
    Some(FrontStatus {
        port: i32::from(said.port?),
        proxies: number(said.proxies),
    })
}

/// `None`: it has no front, or nobody has looked.
pub(super) fn condition(facts: &Facts) -> Option<Said> {
    let front = facts.front.as_ref()?;
    let said = |holds, reason: &str, message: &str| {
        Said::new(ConditionType::FrontReady, holds, reason, message)
    };
    if let Some(failure) = &front.failure {
        return Some(said(false, &failure.reason, &failure.message));
    }
    let FrontFacts {
        service, foreign, ..
    } = front;
    let found = front.said.as_ref()?;
    let (proxies, of) = (found.proxies, found.of);
    let port = found.port.unwrap_or_default();
    let serves = format!("Service {service} leads to port {port} of {proxies} of {of} proxies");
    if foreign.is_empty() {
        return Some(said(true, "Serving", &serves));
    }
    let message = format!(
        "{serves}, and past them to what is in EndpointSlices that Rouse has not made: {}; delete those that are old (and the Endpoints of that name)",
        foreign.join(", ")
    );
    Some(said(true, "ForeignEndpoints", &message))
}
