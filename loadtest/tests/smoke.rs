//! A small part of each scenario, with everything real: answers are looked at, not how long they take. `cargo xtask test` says where k6 and
//! Envoy are; together at most two minutes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::path::Path;
use std::process::Command;

#[test]
fn every_scenario_is_answered_whole() {
    let program = Path::new(env!("CARGO_BIN_EXE_rouse-loadtest"));
    let rouse = program.with_file_name("rouse");
    assert!(
        rouse.is_file(),
        "{} is not built; build the package rouse",
        rouse.display()
    );
    let results = tempfile::tempdir().unwrap();
    for scenario in ["cold", "mixed"] {
        let output = Command::new(program)
            .args([scenario, "--smoke"])
            .arg("--rouse")
            .arg(&rouse)
            .arg("--results")
            .arg(results.path())
            .output()
            .unwrap();
        let (said, complained) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(output.status.success(), "{scenario}: {said}{complained}");
        assert!(said.contains(" 0 failed"), "{said}");
        assert!(
            said.contains("| held, in all |"),
            "nothing was cold: {said}"
        );
        println!("{said}");
    }
}
