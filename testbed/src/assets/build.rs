//! Builds the control plane's binaries with Go, once.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use super::{VARIABLE, lacking};
use crate::error::Error;

/// Go's modules in `testbed/tools`, which pin the versions, and the programs that each has.
pub(super) const MODULES: [Module; 2] = [
    Module {
        folder: "etcd",
        programs: &[("etcd", "go.etcd.io/etcd/server/v3")],
    },
    Module {
        folder: "kubernetes",
        programs: &[
            ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
            (
                "kube-controller-manager",
                "k8s.io/kubernetes/cmd/kube-controller-manager",
            ),
            ("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"),
            ("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
        ],
    },
];

/// Smaller, and with the version that Kubernetes' own build writes in: without it the API server takes itself for v0.0.0.
pub(super) const LINKER_FLAGS: &str = "-s -w \
    -X k8s.io/component-base/version.gitVersion=v1.37.2 \
    -X k8s.io/component-base/version.gitMajor=1 \
    -X k8s.io/component-base/version.gitMinor=37 \
    -X k8s.io/client-go/pkg/version.gitVersion=v1.37.2";

pub(super) struct Module {
    pub(super) folder: &'static str,
    /// File name and package.
    programs: &'static [(&'static str, &'static str)],
}

/// Fills `folder` all at once: what is built lies next to it until all of it is there.
pub(super) fn build(tools: &Path, folder: &Path) -> Result<(), Error> {
    require_go()?;
    let parent = folder
        .parent()
        .ok_or_else(|| Error::Assets(format!("{} has no parent", folder.display())))?;
    let told = |path: &Path| Error::io(path.display().to_string());
    fs::create_dir_all(parent).map_err(told(parent))?;
    let lock = parent.join("lock");
    let lock = File::create(&lock).map_err(told(&lock))?;
    if lock.try_lock().is_err() {
        eprintln!("rouse-testbed: waiting for another build of the control plane");
        lock.lock().map_err(told(parent))?;
    }
    if lacking(folder).is_empty() {
        return Ok(());
    }
    // Removed with everything in it when the build fails; what an interrupted one left is removed by the next.
    sweep(parent);
    let partial = tempfile::Builder::new()
        .prefix(PARTIAL)
        .tempdir_in(parent)
        .map_err(told(parent))?;
    for module in &MODULES {
        for (name, package) in module.programs {
            eprintln!(
                "rouse-testbed: building {name} (once; all take about 10 minutes on 2 cores)"
            );
            go(
                &tools.join(module.folder),
                &partial.path().join(name),
                package,
            )?;
        }
    }
    let _ = fs::remove_dir_all(folder);
    fs::rename(partial.path(), folder).map_err(told(folder))?;
    eprintln!("rouse-testbed: built into {}", folder.display());
    Ok(())
}

const PARTIAL: &str = "building-";

/// The lock is held: whoever made these is gone.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(PARTIAL) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn require_go() -> Result<(), Error> {
    let found = Command::new("go")
        .arg("version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if found {
        return Ok(());
    }
    Err(Error::Assets(format!(
        "no binaries of a Kubernetes control plane, and no Go to build them. Either install Go (1.21 or newer: it fetches the version \
         that testbed/tools asks for; https://go.dev/dl) and try again, or point {VARIABLE} at a folder with {}",
        super::BINARIES.join(", ")
    )))
}

fn go(module: &Path, output: &Path, package: &str) -> Result<(), Error> {
    let status = Command::new("go")
        .current_dir(module)
        .env("CGO_ENABLED", "0")
        .env("GOWORK", "off")
        .args(["build", "-trimpath", "-mod=readonly", "-ldflags"])
        .arg(LINKER_FLAGS)
        .arg("-o")
        .args([output.as_os_str(), package.as_ref()])
        .status()
        .map_err(Error::io("go build"))?;
    if status.success() {
        return Ok(());
    }
    Err(Error::Assets(format!(
        "go build {package} in {} failed ({status}); mend what it says above, or point {VARIABLE} at a folder with the binaries",
        module.display()
    )))
}
