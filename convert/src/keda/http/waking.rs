//! What becomes of requests while a workload is asleep or waking.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use rouse_api::load::FieldPath;
use rouse_api::resource::{Fallback, HoldSpec, HttpSpec, Respond, ServiceRef, WhileWaking};

use super::service;
use crate::fields::Fields;
use crate::node::Node;
use crate::note::Notes;
use crate::scalar::wanted;

/// Rouse's, in seconds.
const HOLD: u64 = 55;

/// How long requests are held at most.
pub(super) fn hold(
    (at, waits): (FieldPath, Option<Duration>),
    http: &mut HttpSpec,
    notes: &mut Notes,
) {
    let given = waits.filter(|waits| !waits.is_zero());
    if given.is_none() {
        let message = "none was set; requests are held for so long at most, with a 504 then";
        notes.changed(&at, "spec.http.hold.timeout", message);
    }
    let timeout = given.unwrap_or(Duration::from_secs(HOLD));
    http.hold = Some(HoldSpec {
        timeout: timeout.try_into().ok(),
        ..HoldSpec::default()
    });
}

pub(super) fn cold_start(mut cold: Fields<'_>, http: &mut HttpSpec, notes: &mut Notes) {
    let at = cold.path.clone();
    let most = cold.whole::<u32>("maxPendingRequests", notes);
    if let (Some(most), Some(hold)) = (most.and_then(NonZeroU32::new), &mut http.hold) {
        hold.max_requests = Some(most);
        let message = "for each proxy; what comes beyond gets a 503 with Retry-After";
        notes.changed(
            &at.key("maxPendingRequests"),
            "spec.http.hold.maxRequests",
            message,
        );
    }
    if let Some(overflow) = cold.text("overflow", notes)
        && overflow != "Reject"
    {
        let message =
            format!("{overflow} has no counterpart: what comes beyond is refused with a 503");
        notes.lost(&at.key("overflow"), message);
    }
    let placeholder = cold.map("placeholder", notes);
    let placeholder = placeholder.and_then(|fields| respond(fields, notes));
    if let Some(fallback) = cold.map("fallback", notes) {
        fall_back(service(fallback, notes), &at.key("fallback"), http, notes);
        if placeholder.is_some() {
            let message = "has no counterpart beside fallback: whileWaking is one of them";
            notes.lost(&at.key("placeholder"), message);
        }
    } else if let Some(respond) = placeholder {
        http.while_waking = Some(WhileWaking::Respond(respond));
    }
    cold.rest(notes);
}

pub(super) fn fall_back(
    service: ServiceRef,
    at: &FieldPath,
    http: &mut HttpSpec,
    notes: &mut Notes,
) {
    http.while_waking = Some(WhileWaking::Fallback(Fallback { service }));
    let message = "at once while it is asleep or waking; KEDA waits for the timeout first";
    notes.changed(at, "spec.http.whileWaking", message);
}

/// `placeholder.response`.
fn respond(mut placeholder: Fields<'_>, notes: &mut Notes) -> Option<Respond> {
    let response = placeholder.map("response", notes);
    placeholder.rest(notes);
    let mut response = response?;
    let at = response.path.clone();
    let status = response.whole::<u16>("status", notes);
    let status = status.or_else(|| response.whole("statusCode", notes));
    let body = match response.take("body") {
        Some(Node::Text(body)) => Some(body.clone()),
        Some(_) => {
            notes.lost(
                &at.key("body"),
                "comes from elsewhere: write it out as whileWaking.respond.body",
            );
            None
        }
        None => None,
    };
    let mut headers = BTreeMap::new();
    for (name, value) in response.pairs("headers", notes) {
        let at = at.key("headers").key(&name);
        let pair = wanted(name, &at, notes).zip(wanted(value, &at, notes));
        headers.extend(pair);
    }
    response.rest(notes);
    Some(Respond {
        status: wanted(status.unwrap_or(503), &at.key("status"), notes)?,
        headers,
        body,
    })
}
