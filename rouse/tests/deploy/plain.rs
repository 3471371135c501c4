//! The plain manifests are the chart's; `ROUSE_BLESS=1` writes them anew.

use std::fs;

use crate::helm::{deploy, text};

/// Marks what is not to be changed by hand.
const HEADER: &str = "# Made of deploy/chart by a test; to make it again: ROUSE_BLESS=1 cargo xtask test -- -p rouse --test deploy plain\n";

/// A file, the template that it is made of, and values other than the defaults.
const FILES: &[(&str, &str, &[&str])] = &[
    (
        "kubernetes/namespace.yaml",
        "namespace.yaml",
        &["namespace.create=true"],
    ),
    ("kubernetes/own.yaml", "own.yaml", &[]),
    ("kubernetes/rbac.yaml", "rbac.yaml", &[]),
    ("kubernetes/scaler.yaml", "scaler.yaml", &[]),
    ("kubernetes/proxy.yaml", "proxy.yaml", &[]),
    ("kubernetes/network-policy.yaml", "network-policy.yaml", &[]),
    (
        "kubernetes/pod-deletion-cost.yaml",
        "pod-deletion-cost.yaml",
        &["scaler.podDeletionCost=true"],
    ),
    (
        "kubernetes/fronts.yaml",
        "fronts.yaml",
        &["scaler.fronts.enabled=true"],
    ),
    ("kubernetes/keda.yaml", "keda.yaml", &["keda.adopt=all"]),
    (
        "kubernetes/keda-definitions.yaml",
        "keda-definitions.yaml",
        &["keda.definitions=true"],
    ),
    (
        "kubernetes/namespaced/rbac.yaml",
        "rbac.yaml",
        &["scaler.namespaces={default}"],
    ),
    (
        "examples/monitoring/service-monitor.yaml",
        "service-monitor.yaml",
        &["monitoring.serviceMonitor.enabled=true"],
    ),
    (
        "examples/monitoring/rules.yaml",
        "rules.yaml",
        &["monitoring.rules.enabled=true"],
    ),
    (
        "examples/monitoring/dashboard.yaml",
        "dashboard.yaml",
        &["monitoring.dashboard.enabled=true"],
    ),
];

#[test]
fn plain_manifests_are_what_the_chart_renders() {
    let write = std::env::var_os("ROUSE_BLESS").is_some_and(|bless| bless == "1");
    let mut stale = Vec::new();
    for (file, template, values) in FILES {
        let rendered = plain(&text(Some(template), values).unwrap());
        let path = deploy().join(file);
        if write {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, rendered).unwrap();
        } else if fs::read_to_string(&path).ok() != Some(rendered) {
            stale.push(*file);
        }
    }
    assert!(
        stale.is_empty(),
        "not what deploy/chart renders to: {stale:?}; to write them anew: ROUSE_BLESS=1 cargo xtask test -- -p rouse --test deploy plain"
    );
}

/// Without Helm's own comments and what it leaves empty.
fn plain(rendered: &str) -> String {
    let mut text = HEADER.to_owned();
    let mut first = true;
    for document in rendered.split("\n---\n") {
        let lines: Vec<_> = document
            .lines()
            .filter(|line| *line != "---" && !line.starts_with("# Source: "))
            .map(str::trim_end)
            .collect();
        let body = lines.join("\n");
        let body = body.trim();
        if body.is_empty() {
            continue;
        }
        if !std::mem::take(&mut first) {
            text.push_str("---\n");
        }
        text.push_str(body);
        text.push('\n');
    }
    text
}

#[test]
fn the_folder_has_no_other_manifests() {
    for folder in ["kubernetes", "kubernetes/namespaced"] {
        for entry in fs::read_dir(deploy().join(folder)).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                continue;
            }
            let file = format!("{folder}/{}", entry.file_name().to_str().unwrap());
            assert!(FILES.iter().any(|(known, ..)| *known == file), "{file}");
        }
    }
}
