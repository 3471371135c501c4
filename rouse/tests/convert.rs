//! `rouse convert` as people run it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn convert(args: &[&str], input: &str) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_rouse"))
        .arg("convert")
        .args(args)
        .env_remove("ROUSE_REPORT")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // It may not want any.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

fn fixture(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../convert/tests/fixtures");
    root.join(name)
}

#[test]
fn what_is_converted_is_checked_without_a_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let sqs = fs::read_to_string(fixture("issue-sqs.yaml")).unwrap();
    let (_, observing, _) = convert(&["--observe"], &sqs);
    let (code, yaml, report) = convert(&[], &sqs);
    assert_eq!(observing.replace("  mode: observe\n", ""), yaml);
    assert_ne!(observing, yaml);
    assert_eq!(code, 0, "{report}");
    assert!(
        report.contains("ScaledObject sqs-worker (standard input:1): -> ScaledWorkload sqs-worker")
    );
    let file = folder.path().join("made.yaml");
    fs::write(&file, yaml).unwrap();
    assert_eq!(check(&file), "all is well: 1 workload\n");
}

fn check(file: &Path) -> String {
    let checked = Command::new(env!("CARGO_BIN_EXE_rouse"))
        .args(["check", "--cluster"])
        .arg(file)
        .output()
        .unwrap();
    let told = String::from_utf8(checked.stderr).unwrap();
    assert!(checked.status.success(), "{}: {told}", file.display());
    String::from_utf8(checked.stdout).unwrap()
}

#[test]
fn everything_that_is_kept_is_checked_as_it_is() {
    let kept = fs::read_dir(fixture("../golden")).unwrap();
    let kept = kept.map(|entry| entry.unwrap().path());
    let kept = kept.filter(|path| path.extension().is_some_and(|end| end == "yaml"));
    let mut count = 0;
    for file in kept {
        assert!(check(&file).contains("all is well"));
        count += 1;
    }
    assert!(count > 5);
}

#[test]
fn what_is_left_to_do_is_in_the_report_and_the_exit_status() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.txt");
    let mixed = fixture("keda-mixed.yaml");
    let args = [
        "--report",
        report.to_str().unwrap(),
        mixed.to_str().unwrap(),
    ];
    let (code, yaml, stderr) = convert(&args, "");
    assert_eq!((code, stderr.as_str()), (3, ""));
    assert!(yaml.contains("kind: ScaledWorkload"));
    let report = fs::read_to_string(report).unwrap();
    assert!(report.contains("ScaledJob has no counterpart"), "{report}");
}

#[test]
fn what_cannot_be_read_is_told_with_its_line() {
    let (code, yaml, stderr) = convert(&["-"], "a: b\n---\na: [\n");
    assert_eq!((code, yaml.as_str()), (2, ""));
    assert!(stderr.starts_with("standard input:"), "{stderr}");
    let (code, _, stderr) = convert(&["/does/not/exist.yaml"], "");
    assert_eq!(code, 2);
    assert!(stderr.contains("there is no such file"), "{stderr}");
}
