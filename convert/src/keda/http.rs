//! The HTTP add-on's InterceptorRoute and HTTPScaledObject.

mod object;
mod waking;

use std::num::NonZeroU32;
use std::time::Duration;

use rouse_api::load::FieldPath;
use rouse_api::resource::{
    self, Concurrency, Dial, HttpSpec, OnDelete, Replicas, RequestRate, RouteSpec, ServiceRef,
    Spec, TimeoutsSpec, Upstream,
};

use super::scaled_object::Target;
use super::workload::{COOLDOWN_PERIOD, MAX_REPLICAS, metadata, target};
use crate::fields::Fields;
use crate::hpa::{self, Behavior};
use crate::kubernetes::Meta;
use crate::node::Node;
use crate::note::{Note, Notes};
use crate::outcome::{Converted, workload};
use crate::scalar::{go_duration, seconds, wanted};

pub(super) use object::scaled_object;
use waking::{cold_start, hold};

/// The add-on's targets of both metrics.
const TARGET: u32 = 100;
/// The add-on's, in seconds.
const RESPONSE_HEADER: u64 = 300;
/// Over which the add-on averages rates, in seconds, and Rouse everything.
const WINDOW: u64 = 60;

/// An InterceptorRoute, read when a ScaledObject takes it up.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct InterceptorRoute(Node);

impl InterceptorRoute {
    pub(super) fn read(object: &Node) -> (Self, Vec<Note>) {
        (Self(object.clone()), Vec::new())
    }
}

/// What requests have to do with a workload.
pub(super) struct Http {
    pub(super) http: HttpSpec,
    /// Where the add-on averages over another time than Rouse.
    pub(super) stable_window: Option<resource::Duration>,
}

/// Of a ScaledObject: what is said about its route names it.
pub(super) fn of_route(route: &InterceptorRoute, notes: &mut Notes) -> Http {
    let name = route.0.text("metadata.name").unwrap_or_default();
    let at = FieldPath::default().key(&format!("InterceptorRoute/{name}"));
    let spec = route.0.get("spec").unwrap_or(&Node::Null);
    let fields = Fields::of(spec, at.key("spec"), notes);
    route_http(fields, notes)
}

/// An InterceptorRoute that no ScaledObject takes up.
pub(super) fn alone(object: &Node) -> Converted {
    let mut notes = Notes::default();
    let meta = Meta::of(object, &mut notes);
    let spec = object.get("spec").unwrap_or(&Node::Null);
    let fields = Fields::of(spec, FieldPath::of("spec"), &mut notes);
    let made = route_http(fields, &mut notes);
    let service = made.http.service.as_ref();
    let service = service.and_then(|service| service.name.as_ref());
    let name = service.map(ToString::to_string);
    let message = "a route names no Deployment, and no ScaledObject here refers to it: one of the Service's name was taken; and no bounds: KEDA's defaults were";
    notes.lost_at(
        &FieldPath::of("spec.target"),
        FieldPath::of("spec.target"),
        message,
    );
    let target = Target {
        name,
        ..Target::default()
    };
    let bounds = (0, MAX_REPLICAS, COOLDOWN_PERIOD);
    finish(&meta, &target, bounds, made, notes)
}

fn finish(
    meta: &Meta,
    of: &Target,
    (min, max, cooldown): (u32, u32, u64),
    made: Http,
    mut notes: Notes,
) -> Converted {
    let metadata = metadata(meta, &mut notes);
    let at = FieldPath::of("spec.advanced.horizontalPodAutoscalerConfig.behavior");
    let behavior = Behavior::read(None, at, &mut notes);
    let mut behavior = behavior.converted(min == 0, true, &mut notes);
    behavior.stable_window = made.stable_window;
    let spec = Spec {
        target: Some(target(of, &mut notes)),
        replicas: Some(Replicas {
            min: Some(min),
            max: NonZeroU32::new(max),
            ..Replicas::default()
        }),
        idle_after: seconds(cooldown),
        on_delete: Some(OnDelete::Keep),
        http: Some(made.http),
        behavior: Some(behavior),
        ..Spec::default()
    };
    Converted::checked(workload(metadata, spec), notes)
}

fn route_http(mut spec: Fields<'_>, notes: &mut Notes) -> Http {
    let mut http = HttpSpec::default();
    let target = spec.map("target", notes);
    http.service = target.map(|fields| service(fields, notes));
    let rules = spec.maps("rules", notes);
    let rules: Vec<RouteSpec> = rules.into_iter().map(|rule| route(rule, notes)).collect();
    place(rules, &spec.path.key("rules"), &mut http, notes);
    let stable_window = match spec.map("scalingMetric", notes) {
        Some(metric) => scaling_metric(metric, &mut http, notes),
        None => {
            notes.mistake(&spec.path.key("scalingMetric"), "is missing");
            None
        }
    };
    let readiness = timeouts(&mut spec, "readiness", &mut http, notes);
    hold(readiness, &mut http, notes);
    if let Some(cold) = spec.map("coldStart", notes) {
        cold_start(cold, &mut http, notes);
    }
    match spec.text("proxyMode", notes).as_deref() {
        Some("Service") => {
            http.upstream = Some(Upstream {
                dial: Some(Dial::Service),
                tls: None,
            });
            let message = "as proxyMode Service; dial: pod (the default) paces starting replicas and drains them";
            notes.changed(&spec.path.key("proxyMode"), "spec.http.upstream", message);
        }
        None | Some("Endpoint") => {}
        Some(other) => {
            let message = format!("{other:?} is unknown; Service or Endpoint is wanted");
            notes.mistake(&spec.path.key("proxyMode"), message);
        }
    }
    spec.lost(
        &[(
            "staticRoutes",
            "is not carried over by itself: write http.rules, with action respond for Always and noWake.respond for WhenUnavailable",
        )],
        notes,
    );
    spec.rest(notes);
    Http {
        http,
        stable_window,
    }
}

/// Routes in their shortest form.
fn place(mut routes: Vec<RouteSpec>, at: &FieldPath, http: &mut HttpSpec, notes: &mut Notes) {
    let any = || RouteSpec {
        hosts: wanted("*", at, &mut Notes::default()).into_iter().collect(),
        ..RouteSpec::default()
    };
    for route in &mut routes {
        if *route == RouteSpec::default() {
            *route = any();
        }
    }
    if routes.is_empty() {
        notes.changed(
            at,
            "spec.http.hosts",
            "no rule: every request that no other workload claims",
        );
        routes.push(any());
    }
    match &mut routes[..] {
        [one] if one.path_prefixes.is_empty() && one.headers.is_empty() => {
            http.hosts = std::mem::take(&mut one.hosts);
        }
        _ => http.routes = routes,
    }
}

fn route(mut rule: Fields<'_>, notes: &mut Notes) -> RouteSpec {
    let mut route = RouteSpec::default();
    for (host, at) in rule.texts("hosts", notes) {
        route.hosts.extend(wanted(host, &at, notes));
    }
    for mut path in rule.maps("paths", notes) {
        let at = path.path.key("value");
        let value = path.text("value", notes);
        path.rest(notes);
        route
            .path_prefixes
            .extend(value.and_then(|value| wanted(value, &at, notes)));
    }
    headers(&mut rule, &mut route, notes);
    rule.rest(notes);
    route
}

fn headers(fields: &mut Fields<'_>, route: &mut RouteSpec, notes: &mut Notes) {
    for mut header in fields.maps("headers", notes) {
        let at = header.path.clone();
        let name = header.text("name", notes);
        // Written so in Rouse: there, whatever its value.
        let value = header
            .text("value", notes)
            .unwrap_or_else(|| "*".to_owned());
        header.rest(notes);
        let name = name.and_then(|name| wanted(name, &at.key("name"), notes));
        let value = wanted(value, &at.key("value"), notes);
        route.headers.extend(name.zip(value));
    }
}

fn service(mut fields: Fields<'_>, notes: &mut Notes) -> ServiceRef {
    let at = fields.path.clone();
    let name = fields.text("service", notes);
    if name.is_none() {
        notes.mistake(&at.key("service"), "is missing");
    }
    let number = fields.whole::<u16>("port", notes);
    let word = fields.text("portName", notes);
    fields.rest(notes);
    let port = match (number, word) {
        (Some(number), _) => wanted(number, &at.key("port"), notes),
        (None, Some(word)) => wanted(word, &at.key("portName"), notes),
        (None, None) => None,
    };
    ServiceRef {
        name: name.and_then(|name| wanted(name, &at.key("service"), notes)),
        port,
    }
}

/// The window over which rates are averaged, where it is not Rouse's own.
fn scaling_metric(
    mut metric: Fields<'_>,
    http: &mut HttpSpec,
    notes: &mut Notes,
) -> Option<resource::Duration> {
    let concurrency = metric.map("concurrency", notes);
    http.concurrency = concurrency.map(|mut fields| {
        let per_replica = target_value(&mut fields, notes);
        fields.rest(notes);
        Concurrency {
            per_replica,
            limit: None,
        }
    });
    let mut window = None;
    let rate = metric.map("requestRate", notes);
    http.request_rate = rate.map(|mut fields| {
        let per_replica = target_value(&mut fields, notes);
        window = duration(&mut fields, "window", notes);
        let granularity = duration(&mut fields, "granularity", notes);
        if granularity.is_some_and(|granularity| granularity != Duration::from_secs(1)) {
            let at = fields.path.key("granularity");
            notes.lost(&at, "has no counterpart: Rouse counts by the second");
        }
        fields.rest(notes);
        RequestRate { per_replica }
    });
    let at = metric.path.clone();
    metric.rest(notes);
    let window = window.filter(|window| *window != Duration::from_secs(WINDOW))?;
    let message = "the rate's window; in Rouse it is that of concurrency, too";
    notes.changed(&at, "spec.behavior.stableWindow", message);
    hpa::stable_window(window)
}

fn target_value(fields: &mut Fields<'_>, notes: &mut Notes) -> Option<resource::Positive> {
    let at = fields.path.key("targetValue");
    let value = fields.whole::<u32>("targetValue", notes);
    wanted(f64::from(value.unwrap_or(TARGET)), &at, notes)
}

fn duration(fields: &mut Fields<'_>, key: &str, notes: &mut Notes) -> Option<Duration> {
    let at = fields.path.key(key);
    let text = fields.text(key, notes)?;
    let duration = go_duration(&text);
    if duration.is_none() {
        let message = format!("is {text:?}; a duration such as 30s or 1m30s is wanted");
        notes.mistake(&at, message);
    }
    duration
}

/// Takes the bound on answers; the one on waiting, whose name differs, comes back with its place.
fn timeouts(
    spec: &mut Fields<'_>,
    waiting: &str,
    http: &mut HttpSpec,
    notes: &mut Notes,
) -> (FieldPath, Option<Duration>) {
    let at = spec.path.key("timeouts");
    let mut answers = Duration::from_secs(RESPONSE_HEADER);
    let mut waits = None;
    if let Some(mut fields) = spec.map("timeouts", notes) {
        waits = duration(&mut fields, waiting, notes);
        if let Some(given) = duration(&mut fields, "responseHeader", notes) {
            answers = given;
            if given.is_zero() {
                answers = resource::Duration::MAX;
                let message = "0s was: no limit; a year is the longest here";
                let line = "spec.http.timeouts.responseHeader";
                notes.changed(&at.key("responseHeader"), line, message);
            }
        }
        fields.lost(
            &[(
                "request",
                "has no counterpart: Rouse bounds the wait (hold.timeout), the time to an answer's head and silence (timeouts), not the whole; your gateway can",
            )],
            notes,
        );
        fields.rest(notes);
    }
    http.timeouts = Some(TimeoutsSpec {
        response_header: answers.try_into().ok(),
        ..TimeoutsSpec::default()
    });
    (at.key(waiting), waits)
}
