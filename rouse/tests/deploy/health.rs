//! What Argo CD is told of a ScaledWorkload's health: the script itself, by Lua as Argo CD runs it.

use mlua::{Lua, Table};

use crate::helm::{deploy, documents, one};

/// Status and message for what a status says of generation 3, in Lua's words.
fn health(status: &str) -> (String, String) {
    let text = std::fs::read_to_string(deploy().join("examples/argocd/health.yaml")).unwrap();
    let all = documents(&text);
    let map = one(&all, "ConfigMap", "argocd-cm");
    let script = map["data"]["resource.customizations.health.rouse.dev_ScaledWorkload"]
        .as_str()
        .expect("the script")
        .to_owned();
    let lua = Lua::new();
    let object = format!("return {{metadata = {{generation = 3}}, status = {status}}}");
    let object: Table = lua.load(object).eval().unwrap();
    lua.globals().set("obj", object).unwrap();
    let health: Table = lua.load(script).eval().unwrap();
    (
        health.get("status").unwrap(),
        health.get("message").unwrap(),
    )
}

fn with(conditions: &[(&str, &str, &str)]) -> String {
    let one = |(kind, status, reason): &(&str, &str, &str)| {
        format!("{{type = '{kind}', status = '{status}', reason = '{reason}', message = 'why'}}")
    };
    let all: Vec<_> = conditions.iter().map(one).collect();
    let all = all.join(", ");
    format!("{{observedGeneration = 3, why = '0 replicas', conditions = {{{all}}}}}")
}

#[test]
fn argo_cd_shows_what_the_conditions_say() {
    let ready = ("Ready", "True", "Accepted");
    let asleep = ("Awake", "False", "NoReplicas");
    for (status, wanted, message) in [
        (
            "nil".to_owned(),
            "Progressing",
            "not looked at by Rouse yet",
        ),
        (
            "{observedGeneration = 2, conditions = {}}".to_owned(),
            "Progressing",
            "not looked at by Rouse yet",
        ),
        (with(&[ready, asleep]), "Healthy", "0 replicas"),
        (
            with(&[("Ready", "False", "Paused")]),
            "Suspended",
            "Paused: why",
        ),
        (
            with(&[("Ready", "False", "TargetNotFound")]),
            "Degraded",
            "TargetNotFound: why",
        ),
        (
            with(&[ready, ("Degraded", "True", "ImagePullBackOff")]),
            "Degraded",
            "ImagePullBackOff: why",
        ),
        (
            with(&[
                ready,
                asleep,
                ("RevisionVerified", "False", "CrashLoopBackOff"),
            ]),
            "Degraded",
            "CrashLoopBackOff: why",
        ),
        (
            with(&[ready, asleep, ("RevisionVerified", "Unknown", "NotTried")]),
            "Progressing",
            "why",
        ),
        (
            with(&[ready, asleep, ("RevisionVerified", "True", "Started")]),
            "Healthy",
            "0 replicas",
        ),
    ] {
        assert_eq!(
            health(&status),
            (wanted.to_owned(), message.to_owned()),
            "{status}"
        );
    }
}
