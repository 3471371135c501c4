//! What several tests need.
#![allow(dead_code, reason = "each test uses its part")]

pub(crate) mod asked;
pub(crate) mod moto;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rouse_api::workload::{
    Hold, Http, Process, Protocol, Scale, Target, Timeouts, Workload, WorkloadId,
};
use rouse_scaler::platform::local::{LocalConfig, LocalPlatform};

pub(crate) const HELPER: &str = env!("CARGO_BIN_EXE_scaler-test-helper");

/// For anything that is waited for: far more than it takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn hello() -> WorkloadId {
    WorkloadId::new("default", "hello")
}

pub(crate) fn platform() -> LocalPlatform {
    LocalPlatform::new(LocalConfig {
        guard: vec![HELPER.into(), "guard".into()],
    })
}

pub(crate) fn process(command: &[&str]) -> Process {
    Process {
        command: command.iter().map(|&part| part.to_owned()).collect(),
        env: BTreeMap::new(),
        working_dir: None,
        readiness: None,
        listens: true,
        termination_grace_period: Duration::from_secs(10),
    }
}

/// A shell script; `$HELPER` is the helper, `$DIR` the folder.
pub(crate) fn script(text: &str, dir: &Path) -> Process {
    let mut process = process(&["sh", "-c", text]);
    process.env.insert("HELPER".to_owned(), HELPER.to_owned());
    process
        .env
        .insert("DIR".to_owned(), dir.display().to_string());
    process
}

pub(crate) fn workload(process: Process) -> Workload {
    Workload {
        rank: 0,
        id: hello(),
        scale: Scale {
            on_delete: rouse_api::workload::OnDelete::default(),
            observes: false,
            verify_changes: false,
            behavior: rouse_api::workload::Behavior::default(),
            min: 0,
            max: 3,
            initial: None,
            on_wake: 1,
            idle_after: Duration::from_millis(300),
        },
        triggers: Vec::new(),
        wakes: Vec::new(),
        http: Some(Http {
            routes: Vec::new(),
            service: None,
            readiness: rouse_api::workload::Readiness::default(),
            dial: rouse_api::workload::Dial::default(),
            tls: rouse_api::workload::Tls::default(),
            protocol: Protocol::Http1,
            concurrency_per_replica: None,
            concurrency_limit: None,
            request_rate_per_replica: None,
            hold: Hold::default(),
            timeouts: Timeouts::default(),
            rules: Vec::new(),
            wake_requires: None,
            front: None,
            while_waking: rouse_api::workload::WhileWaking::default(),
        }),
        target: Target::Process(process),
    }
}

/// The number that a script wrote into a file of this name.
pub(crate) async fn pid(dir: &Path, name: &str) -> u32 {
    let path = dir.join(name);
    let read = async {
        loop {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            if let Some(pid) = text.strip_suffix('\n').and_then(|text| text.parse().ok()) {
                return pid;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, read)
        .await
        .expect("the script writes its pid")
}

/// Whether it runs; one that is dead and not reaped yet does not.
pub(crate) fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit(") ")
        .next()
        .and_then(|rest| rest.chars().next());
    !matches!(state, None | Some('Z' | 'X'))
}

pub(crate) async fn ends(pid: u32) {
    let ended = async {
        while runs(pid) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, ended)
        .await
        .unwrap_or_else(|_| panic!("{pid} still runs"));
}
