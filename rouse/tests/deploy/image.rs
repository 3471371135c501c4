//! The image: what the Dockerfile says, and that the program fits into it.

use std::fs;
use std::process::Command;

use crate::helm::{deploy, objects, one};

/// What `gcr.io/distroless/cc-debian12` brings: the C library's parts and libgcc.
const IN_BASE: &[&str] = &[
    "libc.so.6",
    "libm.so.6",
    "libgcc_s.so.1",
    "libpthread.so.0",
    "libdl.so.2",
    "librt.so.1",
    "ld-linux-x86-64.so.2",
    "ld-linux-aarch64.so.1",
];

fn dockerfile() -> String {
    fs::read_to_string(deploy().join("Dockerfile")).unwrap()
}

#[test]
fn it_runs_as_the_user_of_the_manifests_with_the_program_as_its_entrypoint() {
    let text = dockerfile();
    let last = text.rsplit("\nFROM ").next().unwrap();
    let base = last.lines().next().unwrap();
    assert!(base.contains("distroless"), "{base}");
    let all = objects(&[]);
    for part in ["rouse-proxy", "rouse-scaler"] {
        let pod = &one(&all, "Deployment", part)["spec"]["template"]["spec"];
        let context = &pod["securityContext"];
        let user = format!("USER {}:{}\n", context["runAsUser"], context["runAsGroup"]);
        assert!(last.contains(&user), "{user}");
        assert!(
            pod["containers"][0]["command"].is_null(),
            "the entrypoint is the image's"
        );
    }
    assert!(last.contains("ENTRYPOINT [\"/usr/bin/rouse\"]"));
    assert!(!last.contains("\nRUN "), "there is no shell");
    for name in ["ADD ", "curl", "wget"] {
        assert!(!text.contains(name), "{name}: nothing is fetched");
    }
}

/// What the dynamic section of the program under test names: the profile does not change it.
#[test]
fn the_base_has_every_library_that_the_program_needs() {
    let output = Command::new("ldd")
        .arg(env!("CARGO_BIN_EXE_rouse"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let needed: Vec<_> = text
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(|library| library.rsplit('/').next().unwrap())
        .filter(|library| *library != "linux-vdso.so.1")
        .collect();
    assert!(needed.contains(&"libc.so.6"), "{text}");
    for library in needed {
        assert!(
            IN_BASE.contains(&library),
            "{library} is not in the base image"
        );
    }
}
