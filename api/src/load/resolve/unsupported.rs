use crate::load::document::Document;
use crate::load::path::FieldPath;
use crate::resource::{Dial, HttpSpec, Mode, Readiness, Rule, Spec, Tls, Trigger, WhileWaking};

/// Refuses, one by one, what is in the schema but not yet in this version: nothing that was written is passed over in
/// silence. A default that is written out is fine.
pub(super) fn refuse(document: &mut Document, spec: &Spec) {
    let observes = spec.mode == Some(Mode::Observe);
    let initial = spec
        .replicas
        .as_ref()
        .is_some_and(|replicas| replicas.initial.is_some());
    for (field, given, instead) in [
        ("mode", observes, "write active, or leave it out"),
        ("replicas.initial", initial, "leave it out"),
        (
            "sleep",
            spec.sleep.is_some(),
            "leave it out: sleep means zero replicas",
        ),
        ("onDelete", spec.on_delete.is_some(), "leave it out"),
        (
            "verifyChanges",
            spec.verify_changes == Some(true),
            "write false, or leave it out",
        ),
        ("behavior", spec.behavior.is_some(), "leave it out"),
        (
            "triggers",
            !spec.triggers.is_empty(),
            "leave it out: demand comes from http",
        ),
        ("wakes", !spec.wakes.is_empty(), "leave it out"),
    ] {
        if given {
            not_supported(document, &FieldPath::of(&format!("spec.{field}")), instead);
        }
    }
    if let Some(http) = &spec.http {
        in_http(document, http);
    }
    for (i, trigger) in spec.triggers.iter().enumerate() {
        exactly_one_source(document, trigger, &FieldPath::of("spec.triggers").index(i));
    }
}

fn in_http(document: &mut Document, http: &HttpSpec) {
    let at = FieldPath::of("spec.http");
    let upstream = http.upstream.clone().unwrap_or_default();
    let dials = upstream.dial.is_some_and(|dial| dial != Dial::Pod);
    let tls = upstream.tls.is_some_and(|tls| tls != Tls::None);
    let kubelet = http.readiness == Some(Readiness::Kubelet);
    let waking = http
        .while_waking
        .as_ref()
        .is_some_and(|waking| *waking != WhileWaking::Hold);
    for (field, given, instead) in [
        (
            "service",
            http.service.is_some(),
            "leave it out: the process listens on $PORT",
        ),
        ("readiness", kubelet, "write auto, or leave it out"),
        ("whileWaking", waking, "write hold, or leave it out"),
        ("rules", !http.rules.is_empty(), "leave it out"),
    ] {
        if given {
            not_supported(document, &at.key(field), instead);
        }
    }
    if dials {
        not_supported(
            document,
            &at.key("upstream").key("dial"),
            "write pod, or leave it out",
        );
    }
    if tls {
        not_supported(
            document,
            &at.key("upstream").key("tls"),
            "write none, or leave it out",
        );
    }
    for (i, rule) in http.rules.iter().enumerate() {
        exactly_one_action(document, rule, &at.key("rules").index(i).key("action"));
    }
}

fn not_supported(document: &mut Document, at: &FieldPath, instead: &str) {
    document.refuse(at, format!("is not supported by this version; {instead}"));
}

fn exactly_one_source(document: &mut Document, trigger: &Trigger, at: &FieldPath) {
    let given = [
        trigger.sqs.is_some(),
        trigger.prometheus.is_some(),
        trigger.cron.is_some(),
    ];
    let count = given.iter().filter(|given| **given).count();
    if count != 1 && !document.touched(at) {
        document.refuse(
            at,
            format!("has {count} of sqs, prometheus and cron; write exactly one"),
        );
    }
}

fn exactly_one_action(document: &mut Document, rule: &Rule, at: &FieldPath) {
    let count =
        usize::from(rule.action.respond.is_some()) + usize::from(rule.action.no_wake.is_some());
    if count != 1 && !document.touched(at) {
        document.refuse(
            at,
            format!("has {count} of respond and noWake; write exactly one"),
        );
    }
}
