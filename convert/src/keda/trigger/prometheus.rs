use std::collections::BTreeMap;
use std::time::Duration;

use rouse_api::resource::{Prometheus, Trigger, WhenEmpty};

use super::access::{Access, unsafe_ssl};
use super::{Bounds, activation, is_average};
use crate::gateway;
use crate::keda::values::Values;
use crate::note::Notes;
use crate::scalar::{scalar, wanted};

/// KEDA's, in milliseconds.
const TIMEOUT: u64 = 3000;

/// Rouse's range, in milliseconds.
const TIMEOUTS: std::ops::RangeInclusive<u64> = 100..=30_000;

pub(super) fn prometheus(
    values: &mut Values<'_>,
    bounds: &Bounds,
    notes: &mut Notes,
) -> Option<Trigger> {
    let at = values.at.clone();
    let server = values.required("serverAddress", notes);
    let query = values.required("query", notes);
    let threshold = values.positive("threshold", notes);
    let activation = activation(values, "activationThreshold", "prometheus", notes);
    let null_is_zero = values.flag("ignoreNullValues", true, notes);
    let unsafe_ssl = unsafe_ssl(values, notes);
    let headers = values.pairs("customHeaders", notes);
    let timeout = timeout(values, notes);
    let average = is_average(values, notes);
    let threshold = match threshold {
        Ok(None) => {
            let message = "is missing; write how much of the value one replica takes";
            notes.mistake(&at.key("threshold"), message);
            return None;
        }
        threshold => threshold.ok()?,
    };
    unsafe_ssl.ok()?;
    ignored(values, notes);
    let (query, threshold) = (query?, threshold?);
    if let Some(advice) = gateway::advice(&query, threshold, &bounds.workload) {
        let line = values.to.key("prometheus").key("query");
        notes.changed_at(&at.key("query"), line, advice);
    }
    let threshold = wanted(threshold, &at.key("threshold"), notes)?;
    let when_empty = match null_is_zero.ok()? {
        true => WhenEmpty::Zero,
        false => WhenEmpty::Unknown,
    };
    let mut made = Prometheus {
        server_address: wanted(server?, &at.key("serverAddress"), notes)?,
        query,
        per_replica: average.then_some(threshold),
        total: (!average).then_some(threshold),
        activation: Some(activation.ok()?),
        when_empty: Some(when_empty),
        timeout: Some(timeout.ok()?),
        headers: BTreeMap::new(),
        bearer: None,
        basic: None,
        tls: None,
    };
    for (name, value) in headers.ok()? {
        let at = at.key("customHeaders");
        made.headers
            .insert(wanted(name, &at, notes)?, wanted(value, &at, notes)?);
    }
    authenticate(values, &mut made, notes);
    Some(Trigger {
        prometheus: Some(made),
        ..Trigger::default()
    })
}

/// In milliseconds; Go's way of writing lengths of time is known, too.
fn timeout(
    values: &mut Values<'_>,
    notes: &mut Notes,
) -> Result<rouse_api::resource::Duration, ()> {
    let at = values.at.key("timeout");
    let given = match values.text("timeout") {
        None => TIMEOUT,
        Some(text) => match text.parse::<u64>() {
            Ok(given) => given,
            Err(_) => {
                let message = format!("is {text:?}; milliseconds are wanted, e.g. \"3000\"");
                notes.mistake(&at, message);
                return Err(());
            }
        },
    };
    // 0 is KEDA's way to say: the default.
    let given = if given == 0 { TIMEOUT } else { given };
    let within = given.clamp(*TIMEOUTS.start(), *TIMEOUTS.end());
    if within != given {
        let line = values.to.key("prometheus").key("timeout");
        notes.changed_at(
            &at,
            line,
            format!("{given} ms; from 100ms to 30s are possible"),
        );
    }
    Duration::from_millis(within)
        .try_into()
        .map_err(|why: String| notes.mistake(&at, why))
}

fn ignored(values: &mut Values<'_>, notes: &mut Notes) {
    if values.text("metricName").is_some() {
        let message = "metricName has no effect, in KEDA since 2.12";
        notes.changed_at(&values.at.key("metricName"), values.to.clone(), message);
    }
    values.lost(
        &[
            ("namespace", "has no counterpart: name the namespace in the query's selectors, or the tenant by a header"),
            ("queryParameters", "has no counterpart: Rouse sends the query alone"),
            ("cortexOrgID", "was taken out of KEDA; write customHeaders: X-Scope-OrgID=..."),
            ("awsRegion", "has no counterpart: Rouse does not sign requests for Amazon's Prometheus; put a signing proxy before it"),
        ],
        notes,
    );
}

fn authenticate(values: &mut Values<'_>, made: &mut Prometheus, notes: &mut Notes) {
    let at = values.at.key("authModes");
    let modes = values.text("authModes").unwrap_or_default();
    let modes = modes.split(',').map(str::trim);
    let mut access = Access::default();
    access.certificates(values, "prometheus", [Some("ca"), None, None], notes);
    for mode in modes.filter(|mode| !mode.is_empty()) {
        if access.add(mode, values, ("prometheus", "bearerToken", &at), notes) {
            continue;
        }
        if mode != "custom" {
            let message = format!("{mode:?} is unknown; tls, basic, bearer or custom is wanted");
            notes.mistake(&at, message);
            continue;
        }
        let name = values.resolved("customAuthHeader", notes);
        let pair = name.zip(values.resolved("customAuthValue", notes));
        let pair = pair.and_then(|(name, value)| Some((scalar(name).ok()?, scalar(value).ok()?)));
        match pair {
            Some((name, value)) => _ = made.headers.insert(name, value),
            None => notes.lost(&at, "custom is not carried over: a header with a secret value has no counterpart; bearer has"),
        }
    }
    made.bearer = access.bearer;
    made.basic = access.basic;
    made.tls = access.tls;
    let identity = values
        .authentication
        .and_then(|given| given.identity.as_ref());
    if identity.is_some() {
        let at = values.trigger.at.key("authenticationRef");
        notes.lost(&at, "podIdentity has no counterpart for prometheus");
    }
}
