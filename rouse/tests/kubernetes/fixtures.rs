//! The API server and kubectl with what Rouse defines: the same objects are taken and refused as by the loader, with the same words.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use kube::api::{Api, DynamicObject, Patch, PatchParams, ValidationDirective};
use rouse_testbed::{apply::documents, assets};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::apply::api;
use crate::cluster::{Cluster, deploy};
use crate::space::{App, Space};
use crate::support::until;
use crate::{Cases, cases};

pub(crate) const CASES: Cases = cases![
    good_objects_are_taken,
    bad_objects_are_refused_with_their_cause,
    kubectl_applies_all_that_is_in_deploy,
    kubectl_shows_what_matters,
    kubectl_top_shows_what_is_used,
];

/// The objects of a folder of `api/tests/objects`, with their files' texts.
fn objects(folder: &str) -> Vec<(PathBuf, String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../api/tests/objects")
        .join(folder);
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let read = |file: PathBuf| {
        let text = fs::read_to_string(&file).unwrap();
        let object = documents(&text).unwrap().remove(0);
        (file, text, object)
    };
    let all: Vec<_> = files.map(read).collect();
    assert!(!all.is_empty());
    all
}

/// What `kubectl apply --server-side --dry-run=server` does.
async fn dry_run(api: &Api<DynamicObject>, object: &Value) -> Result<(), kube::Error> {
    let name = object["metadata"]["name"].as_str().unwrap();
    let parameters = PatchParams {
        field_validation: Some(ValidationDirective::Strict),
        ..PatchParams::apply("kubectl").dry_run()
    };
    let sent = api.patch(name, &parameters, &Patch::Apply(object)).await;
    sent.map(drop)
}

async fn good_objects_are_taken(cluster: &Cluster) {
    let mut refused = Vec::new();
    for (file, _, object) in objects("good") {
        let api = api(&cluster.client, &object).await;
        if let Err(error) = dry_run(&api, &object).await {
            refused.push(format!("{}: {error}", file.display()));
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

async fn bad_objects_are_refused_with_their_cause(cluster: &Cluster) {
    let mut wrong = Vec::new();
    for (file, text, object) in objects("bad") {
        let wanted = text.lines().next().unwrap();
        let wanted = wanted.strip_prefix("# refused: ").unwrap();
        let api = api(&cluster.client, &object).await;
        match dry_run(&api, &object).await {
            Ok(()) => wrong.push(format!("{}: is taken", file.display())),
            // JSON or text, depending on who refuses.
            Err(error) if error.to_string().contains(wanted) => {}
            Err(error) => wrong.push(format!("{}: {wanted}: {error}", file.display())),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What kubectl prints; it must succeed.
async fn kubectl(cluster: &Cluster, args: &[&str]) -> String {
    let (worked, text) = try_kubectl(cluster, args).await;
    assert!(worked, "kubectl {}: {text}", args.join(" "));
    text
}

async fn try_kubectl(cluster: &Cluster, args: &[&str]) -> (bool, String) {
    let output = Command::new(assets::ensure().unwrap().join("kubectl"))
        .args(args)
        .env("KUBECONFIG", cluster.testbed.kubeconfig())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

/// As `deploy/README.md` says, by the client's own apply: it keeps the whole object in an annotation, whose size is limited.
async fn kubectl_applies_all_that_is_in_deploy(cluster: &Cluster) {
    let folder = deploy();
    let path = |name: &str| folder.join(name).display().to_string();
    let text = kubectl(cluster, &["apply", "-f", &path("crds")]).await;
    assert!(
        text.contains("scaledworkloads.rouse.dev configured"),
        "{text}"
    );
    for name in ["kubernetes", "kubernetes/namespaced"] {
        let dry = ["apply", "--dry-run=server", "--validate=strict", "-f"];
        let text = kubectl(cluster, &[&dry[..], &[&path(name)]].concat()).await;
        assert!(text.contains("(server dry run)"), "{text}");
    }
}

async fn kubectl_shows_what_matters(cluster: &Cluster) {
    let space = Space::new(cluster, "kubectl").await;
    let spec = json!({"replicas": {"min": 1, "max": 4}});
    space.workload(&App::new("hello"), spec).await;
    space.until_state("hello", "Awake").await;
    let text = kubectl(cluster, &["-n", &space.name, "get", "sw"]).await;
    let mut lines = text.lines();
    let columns: Vec<_> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!(
        columns,
        [
            "NAME", "TARGET", "MIN", "MAX", "REPLICAS", "STATE", "WHY", "AGE"
        ]
    );
    let line = lines.next().unwrap();
    assert!(line.starts_with("hello "), "{text}");
    assert!(line.contains(" Awake "), "{text}");
    let fields = kubectl(cluster, &["explain", "sw.spec.idleAfter"]).await;
    assert!(fields.contains("FIELD: idleAfter"), "{fields}");
    space.end().await;
}

async fn kubectl_top_shows_what_is_used(cluster: &Cluster) {
    let space = Space::new(cluster, "kubectl-top").await;
    let spec = json!({"replicas": {"min": 1}});
    let app = App {
        flags: &["--memory", "64Mi"],
        ..App::new("hello")
    };
    space.workload(&app, spec).await;
    let top = ["-n", &space.name, "top", "pods", "--no-headers"];
    until("its use is known", async || {
        let (worked, text) = try_kubectl(cluster, &top).await;
        let words: Vec<_> = text.split_whitespace().collect();
        let [name, _, memory] = words[..] else {
            return false;
        };
        let memory = memory.strip_suffix("Mi").map(str::parse::<u32>);
        worked && name.starts_with("hello-") && matches!(memory, Some(Ok(64..)))
    })
    .await;
    space.end().await;
}
