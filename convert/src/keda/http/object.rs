//! HTTPScaledObject, which names what scales, too.

use rouse_api::load::FieldPath;
use rouse_api::resource::{self, Concurrency, HttpSpec, RouteSpec};

use super::waking::{fall_back, hold};
use super::{Http, TARGET, finish, headers, place, scaling_metric, service, timeouts};
use crate::fields::Fields;
use crate::keda::Target;
use crate::keda::scaled_object::initial_cooldown;
use crate::keda::workload::{COOLDOWN_PERIOD, MAX_REPLICAS};
use crate::kubernetes::Meta;
use crate::node::Node;
use crate::note::Notes;
use crate::outcome::Converted;
use crate::scalar::wanted;

/// An HTTPScaledObject.
pub(in crate::keda) fn scaled_object(object: &Node) -> Converted {
    let mut notes = Notes::default();
    let meta = Meta::of(object, &mut notes);
    for key in meta.annotations.keys() {
        if key.starts_with("httpscaledobject.keda.sh/") {
            let at = FieldPath::of("metadata.annotations").key(key);
            let message = "has no counterpart: it is about the add-on's own workings";
            notes.lost(&at, message);
        }
    }
    let spec = object.get("spec").unwrap_or(&Node::Null);
    let mut spec = Fields::of(spec, FieldPath::of("spec"), &mut notes);
    let mut http = HttpSpec::default();
    routes(&mut spec, &mut http, &mut notes);
    let target = target(&mut spec, &mut http, &mut notes);
    let bounds = bounds(&mut spec, &mut notes);
    let stable_window = metric(&mut spec, &mut http, &mut notes);
    let waits = timeouts(&mut spec, "conditionWait", &mut http, &mut notes);
    hold(waits, &mut http, &mut notes);
    if let Some(mut failover) = spec.map("coldStartTimeoutFailoverRef", &mut notes) {
        let at = failover.path.clone();
        let why = "has no counterpart: the fallback answers at once while it is asleep or waking";
        failover.lost(&[("timeoutSeconds", why)], &mut notes);
        fall_back(service(failover, &mut notes), &at, &mut http, &mut notes);
    }
    initial_cooldown(&mut spec, &mut notes);
    spec.rest(&mut notes);
    let made = Http {
        http,
        stable_window,
    };
    finish(&meta, &target, bounds, made, notes)
}

fn routes(spec: &mut Fields<'_>, http: &mut HttpSpec, notes: &mut Notes) {
    let mut route = RouteSpec::default();
    for (host, at) in spec.texts("hosts", notes) {
        route.hosts.extend(wanted(host, &at, notes));
    }
    for (path, at) in spec.texts("pathPrefixes", notes) {
        route.path_prefixes.extend(wanted(path, &at, notes));
    }
    headers(spec, &mut route, notes);
    let routes = Some(route).filter(|route| *route != RouteSpec::default());
    let at = spec.path.key("hosts");
    place(routes.into_iter().collect(), &at, http, notes);
}

/// What scales, and the Service.
fn target(spec: &mut Fields<'_>, http: &mut HttpSpec, notes: &mut Notes) -> Target {
    let Some(mut fields) = spec.map("scaleTargetRef", notes) else {
        return Target::default();
    };
    let target = Target {
        api_version: fields.text("apiVersion", notes),
        kind: fields.text("kind", notes),
        name: fields.text("name", notes),
        container: None,
    };
    let service = service(fields, notes);
    // As the add-on does.
    let name = service.name.as_ref().map(ToString::to_string);
    http.service = Some(service);
    Target {
        name: target.name.or(name),
        ..target
    }
}

/// Least, most, and seconds without demand.
fn bounds(spec: &mut Fields<'_>, notes: &mut Notes) -> (u32, u32, u64) {
    let (mut min, mut max) = (0, MAX_REPLICAS);
    if let Some(mut replicas) = spec.map("replicas", notes) {
        min = replicas.whole("min", notes).unwrap_or(min);
        max = replicas.whole("max", notes).unwrap_or(max);
        replicas.rest(notes);
    }
    let cooldown = spec.whole("scaledownPeriod", notes);
    (min, max, cooldown.unwrap_or(COOLDOWN_PERIOD))
}

fn metric(
    spec: &mut Fields<'_>,
    http: &mut HttpSpec,
    notes: &mut Notes,
) -> Option<resource::Duration> {
    let at = spec.path.key("targetPendingRequests");
    let pending = spec.whole::<u32>("targetPendingRequests", notes);
    if let Some(metric) = spec.map("scalingMetric", notes) {
        if pending.is_some() {
            let message = "has no effect beside scalingMetric; leave it out";
            notes.mistake(&at, message);
        }
        return scaling_metric(metric, http, notes);
    }
    http.concurrency = Some(Concurrency {
        per_replica: wanted(f64::from(pending.unwrap_or(TARGET)), &at, notes),
        limit: None,
    });
    None
}
