//! What all fixtures become: compared with what is kept (ROUSE_BLESS=1 writes it anew), and loaded as a cluster would.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

use std::fs;
use std::path::{Path, PathBuf};

use rouse_api::load::{self, Mode};
use rouse_convert::read::documents;
use rouse_convert::set::{self, Output, Wishes};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(name)
}

/// Each fixture's name with what it becomes.
fn all() -> Vec<(String, Output)> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder("fixtures"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let convert = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(path).unwrap();
        let output = set::convert(&[(name.clone(), text)], Wishes::default()).expect(&name);
        (name, output)
    };
    let all: Vec<_> = paths.iter().map(convert).collect();
    assert!(all.len() > 5);
    all
}

#[test]
fn fixtures_become_what_is_kept() {
    let mut differ = Vec::new();
    for (name, output) in all() {
        let stem = name.trim_end_matches(".yaml");
        for (file, text) in [
            (format!("{stem}.yaml"), &output.yaml),
            (format!("{stem}.txt"), &output.report),
        ] {
            let path = folder("golden").join(&file);
            if std::env::var_os("ROUSE_BLESS").is_some() {
                fs::write(&path, text).unwrap();
            } else if fs::read_to_string(&path).ok().as_ref() != Some(text) {
                differ.push(format!("{file} is now:\n{text}"));
            }
        }
    }
    let differ = differ.join("\n");
    assert!(differ.is_empty(), "{differ}\nROUSE_BLESS=1 keeps that");
}

#[test]
fn what_is_written_loads_without_a_mistake() {
    let mut loaded = 0;
    for (name, output) in all() {
        let written = documents(&output.yaml).expect(&name);
        let is_ours = |text: &str| text.contains("kind: ScaledWorkload\n");
        let ours: Vec<String> = written
            .into_iter()
            .map(|document| document.text)
            .filter(|text| is_ours(text))
            .collect();
        let count = ours.len();
        let files = [(PathBuf::from(&name), ours.join("---\n"))];
        let workloads = load::load(&files, Mode::Cluster);
        let workloads = workloads.unwrap_or_else(|problems| panic!("{problems:#?}"));
        assert_eq!(workloads.len(), count, "{name}");
        loaded += count;
    }
    assert!(loaded > 10);
}

#[test]
fn comments_change_nothing() {
    for (name, output) in all() {
        for document in documents(&output.yaml).expect(&name) {
            let again = rouse_convert::write::yaml(&document.node, &[]);
            assert_eq!(documents(&again).unwrap()[0].node, document.node, "{name}");
        }
    }
}

#[test]
fn hosts_that_two_claim_are_told() {
    let route = |name: &str| {
        format!(
            "apiVersion: http.keda.sh/v1alpha1\nkind: HTTPScaledObject\nmetadata: {{name: {name}}}\nspec: {{hosts: [a.example.com], scaleTargetRef: {{service: {name}, port: 80}}}}\n"
        )
    };
    let text = format!("{}---\n{}", route("a"), route("b"));
    let output = set::convert(&[("a.yaml".to_owned(), text)], Wishes::default()).unwrap();
    assert!(!output.is_complete);
    let told = |line: &&str| {
        line.starts_with("mistake: ScaledWorkload ") && line.contains("a.example.com")
    };
    assert!(
        output.report.lines().find(told).is_some(),
        "{}",
        output.report
    );
}
