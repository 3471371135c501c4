use crate::load;
use crate::load::document::Document;
use crate::load::path::FieldPath;
use crate::resource::{Dial, HttpSpec, Mode, Readiness, Spec};

/// Refuses, one by one, what is in the schema but not yet in this version: nothing that was written is passed over in
/// silence. A default that is written out is fine.
pub(super) fn refuse(document: &mut Document, spec: &Spec, mode: load::Mode) {
    let standalone = mode == load::Mode::Standalone;
    let observes = standalone && spec.mode == Some(Mode::Observe);
    for (field, given, instead) in [
        (
            "class",
            standalone && spec.class.is_some(),
            "leave it out: here what the files hold has one Rouse",
        ),
        (
            "mode",
            observes,
            "write active, or leave it out: here no replica runs but those that Rouse starts",
        ),
        (
            "sleep",
            spec.sleep.is_some(),
            "leave it out: sleep means zero replicas",
        ),
        (
            "onDelete",
            standalone && spec.on_delete.is_some(),
            "leave it out",
        ),
        (
            "verifyChanges",
            standalone && spec.verify_changes == Some(true),
            "write false, or leave it out: a command that is changed is started at once",
        ),
    ] {
        if given {
            not_supported(document, &FieldPath::of(&format!("spec.{field}")), instead);
        }
    }
    if let Some(http) = &spec.http {
        match mode {
            load::Mode::Standalone => in_standalone_http(document, http),
            load::Mode::Cluster => in_cluster_http(document, http),
        }
    }
}

/// What means something in a cluster only.
fn in_standalone_http(document: &mut Document, http: &HttpSpec) {
    let at = FieldPath::of("spec.http");
    if http.service.is_some() {
        let instead = "leave it out: the process listens on $PORT";
        not_supported(document, &at.key("service"), instead);
    }
    if http.front.is_some() {
        let instead = "leave it out: no Service's callers are here to be led; write hosts";
        not_supported(document, &at.key("front"), instead);
    }
    if http.readiness == Some(Readiness::Kubelet) {
        not_supported(
            document,
            &at.key("readiness"),
            "write auto, or leave it out",
        );
    }
    if dials_service(http) {
        let instead = "write pod, or leave it out";
        not_supported(document, &at.key("upstream").key("dial"), instead);
    }
}

fn in_cluster_http(document: &mut Document, http: &HttpSpec) {
    let at = FieldPath::of("spec.http");
    let limit_at = at.key("concurrency").key("limit");
    let concurrency = http.concurrency.as_ref();
    let limited = concurrency.is_some_and(|concurrency| concurrency.limit.is_some());
    if limited && dials_service(http) {
        let message =
            "is service, which can't keep a limit: leave out concurrency.limit, or write pod";
        let dial_at = at.key("upstream").key("dial");
        document.refuse_between(&dial_at, &[limit_at], message);
    }
}

fn dials_service(http: &HttpSpec) -> bool {
    let upstream = http.upstream.as_ref();
    upstream.is_some_and(|upstream| upstream.dial == Some(Dial::Service))
}

fn not_supported(document: &mut Document, at: &FieldPath, instead: &str) {
    document.refuse(at, format!("is not supported by this version; {instead}"));
}
