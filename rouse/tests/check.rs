//! `rouse check` as people run it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn check(paths: &[&Path]) -> (i32, String, String) {
    check_with(&[], paths)
}

fn check_with(flags: &[&str], paths: &[&Path]) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_rouse"))
        .arg("check")
        .args(flags)
        .env_remove("ROUSE_CLUSTER")
        .args(paths)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

#[test]
fn the_example_is_well() {
    let example =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/examples/standalone/hello.yaml");
    let (code, stdout, stderr) = check(&[&example]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert_eq!(stdout, "all is well: 1 workload\n");
}

#[test]
fn the_readmes_example_is_the_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let example = fs::read_to_string(root.join("deploy/examples/standalone/hello.yaml")).unwrap();
    assert!(
        readme.contains(example.trim()),
        "README.md shows deploy/examples/standalone/hello.yaml"
    );
}

#[test]
fn every_problem_of_every_document_has_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.yaml");
    let text = "\
apiVersion: rouse.dev/v1alpha1
kind: ScaledWorkload
metadata: {name: one}
spec:
  replicas: {min: 5, max: 3}
  target: {process: {command: [one]}}
  http: {hosts: [one.example.com]}
---
apiVersion: rouse.dev/v1alpha1
kind: ScaledWorkload
metadata: {name: two}
spec:
  idleAfter: soon
  target: {process: {command: [two]}}
  http: {hosts: [two.example.com], nonsense: 1}
";
    fs::write(&file, text).unwrap();
    let (code, stdout, stderr) = check(&[&file]);
    assert_eq!((code, stdout.as_str()), (2, ""));
    let lines: Vec<&str> = stderr.lines().collect();
    for (line, field) in [
        (5, "spec.replicas"),
        (13, "spec.idleAfter"),
        (15, "nonsense"),
    ] {
        let begin = format!("{}:{line}: ", file.display());
        let found = |text: &&&str| text.starts_with(&begin) && text.contains(field);
        assert!(lines.iter().find(found).is_some(), "{field} in {stderr}");
    }
    assert_eq!(
        *lines.last().unwrap(),
        format!("{} problems", lines.len() - 1)
    );
}

#[test]
fn what_is_not_there_is_bad_input() {
    let (code, _, stderr) = check(&[Path::new("/does/not/exist.yaml")]);
    assert_eq!(code, 2);
    assert_eq!(
        stderr,
        "/does/not/exist.yaml: there is no such file or folder\n1 problem\n"
    );
}

#[test]
fn what_runs_in_a_cluster_is_checked_for_a_cluster() {
    let folder = tempfile::tempdir().unwrap();
    let [cluster, standalone] =
        ["cluster.yaml", "standalone.yaml"].map(|name| folder.path().join(name));
    let document = |name: &str, target: &str| {
        format!(
            "apiVersion: rouse.dev/v1alpha1\nkind: ScaledWorkload\nmetadata: {{name: {name}}}\nspec:\n  target: {target}\n  http: {{hosts: [{name}.example.com]}}\n"
        )
    };
    fs::write(&cluster, document("one", "{kind: StatefulSet}")).unwrap();
    fs::write(&standalone, document("two", "{process: {command: [two]}}")).unwrap();
    let well = (0, "all is well: 1 workload\n".to_owned(), String::new());
    assert_eq!(check_with(&["--cluster"], &[&cluster]), well);
    assert_eq!(check(&[&standalone]), well);
    for (flags, file, field) in [
        (
            &["--cluster"][..],
            &standalone,
            "spec.target.process: is for standalone mode",
        ),
        (
            &[],
            &cluster,
            "spec.target.kind: is not supported by this version: it runs standalone",
        ),
    ] {
        let (code, stdout, stderr) = check_with(flags, &[file]);
        assert_eq!((code, stdout.as_str()), (2, ""));
        let begin = format!("{}:5: {field}", file.display());
        let told = stderr.lines().any(|line| line.starts_with(&begin));
        assert!(told, "{stderr}");
    }
}

#[test]
fn deployments_are_looked_at_for_slow_wakes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.yaml");
    let text = "\
# Of a cluster.
apiVersion: apps/v1
kind: Deployment
metadata: {name: slow}
spec:
  template:
    spec:
      enableServiceLinks: false
      containers:
      - {name: a, image: a, readinessProbe: {exec: {command: [ready]}, initialDelaySeconds: 3}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: other}
---
apiVersion: rouse.dev/v1alpha1
kind: ScaledWorkload
metadata: {name: slow}
spec:
  http: {hosts: [slow.example.com]}
  triggers:
  - prometheus:
      serverAddress: http://prometheus:9090
      query: sum(rate(istio_requests_total{destination_app=\"slow\"}[2m]))
      perReplica: 12
";
    fs::write(&file, text).unwrap();
    let (code, stdout, stderr) = check_with(&["--cluster"], &[&file]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    let begin = format!(
        "{}:1: Deployment slow: spec.template.spec.containers[0]",
        file.display()
    );
    for field in [
        "imagePullPolicy",
        "readinessProbe.exec",
        "readinessProbe.initialDelaySeconds",
        "readinessProbe.periodSeconds",
    ] {
        let begin = format!("{begin}.{field}: ");
        assert!(
            stdout.lines().any(|line| line.starts_with(&begin)),
            "{field}: {stdout}"
        );
    }
    let blind = "default/slow: spec.triggers[0].prometheus.query: istio_requests_total";
    assert!(stdout.contains(blind), "{stdout}");
    assert!(
        stdout.ends_with("all is well: 1 workload, 2 other documents, 5 hints\n"),
        "{stdout}"
    );
    // A mistake keeps its line.
    fs::write(&file, text.replace("hosts", "hostz")).unwrap();
    let (code, _, stderr) = check_with(&["--cluster"], &[&file]);
    assert_eq!(code, 2);
    assert!(
        stderr.contains(&format!("{}:20: ", file.display())),
        "{stderr}"
    );
    // Standalone another kind is a mistake: it would not be served.
    let (code, _, stderr) = check(&[&file]);
    assert_eq!(code, 2);
    assert!(stderr.contains("Deployment"), "{stderr}");
}

#[test]
fn a_misspelt_kind_is_not_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.yaml");
    fs::write(
        &file,
        "apiVersion: rouse.dev/v1alpha1\nkind: ScaledWorklod\nmetadata: {name: a}\nspec: {}\n",
    )
    .unwrap();
    let (code, _, stderr) = check_with(&["--cluster"], &[&file]);
    assert_eq!(code, 2);
    assert!(stderr.contains("ScaledWorklod"), "{stderr}");
}
