//! The control plane's binaries: given by `$KUBEBUILDER_ASSETS`, or built once into a cache outside the checkout.

mod build;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// The variable that names a folder with the binaries, as Kubernetes' own test tools have it.
pub const VARIABLE: &str = "KUBEBUILDER_ASSETS";

/// What the folder has to contain.
pub const BINARIES: [&str; 5] = [
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubectl",
];

/// The folder with the binaries; they are built first if they were never. That takes about ten minutes on two cores and
/// needs a network, so it is called outside of the testbed's namespace. Tells people of its progress on stderr.
///
/// # Errors
/// `$KUBEBUILDER_ASSETS` lacks a binary; there is no Go to build with; the build fails.
pub fn ensure() -> Result<PathBuf, Error> {
    if let Some(given) = std::env::var_os(VARIABLE).filter(|given| !given.is_empty()) {
        return check_given(PathBuf::from(given));
    }
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools");
    let folder = cache()?.join(key(&tools)?);
    if lacking(&folder).is_empty() {
        return Ok(folder);
    }
    build::build(&tools, &folder)?;
    Ok(folder)
}

fn check_given(folder: PathBuf) -> Result<PathBuf, Error> {
    let lacking = lacking(&folder);
    if lacking.is_empty() {
        return folder.canonicalize().map_err(Error::io(VARIABLE));
    }
    Err(Error::Assets(format!(
        "{VARIABLE}={} lacks {}; unset it to have all of them built from testbed/tools (needs Go), or point it at a folder with {}",
        folder.display(),
        lacking.join(", "),
        BINARIES.join(", "),
    )))
}

fn lacking(folder: &Path) -> Vec<&'static str> {
    let absent = |name: &&str| !folder.join(name).is_file();
    BINARIES.into_iter().filter(absent).collect()
}

/// `$XDG_CACHE_HOME/rouse/testbed`, as the XDG base directory specification has it.
fn cache() -> Result<PathBuf, Error> {
    let set = |name| std::env::var_os(name).filter(|value: &OsString| !value.is_empty());
    let base = match (set("XDG_CACHE_HOME"), set("HOME")) {
        (Some(cache), _) => PathBuf::from(cache),
        (None, Some(home)) => PathBuf::from(home).join(".cache"),
        (None, None) => {
            return Err(Error::Assets(format!(
                "no place for the control plane's binaries: set XDG_CACHE_HOME or HOME, or point {VARIABLE} at a folder with them"
            )));
        }
    };
    Ok(base.join("rouse").join("testbed"))
}

/// Names what is built: another version, another flag, another folder.
fn key(tools: &Path) -> Result<String, Error> {
    let mut hash = Fnv::default();
    for module in build::MODULES {
        for file in ["go.mod", "go.sum"] {
            let path = tools.join(module.folder).join(file);
            let contents = fs::read(&path).map_err(Error::io(path.display().to_string()))?;
            hash.update(&contents);
        }
    }
    hash.update(build::LINKER_FLAGS.as_bytes());
    Ok(format!("{:016x}", hash.0))
}

/// FNV-1a with 64 bits: std's hashers may differ between releases, and a name of a folder must not.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn update(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
