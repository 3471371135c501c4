use std::fs;
use std::path::PathBuf;

use rouse_sample::ledger::Ledger;
use tempfile::TempDir;

/// A folder of a test's own: the file with workloads, and the ledger of all its samples.
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Where the workloads are.
    pub(crate) fn file(&self) -> PathBuf {
        self.0.path().join("workloads.yaml")
    }

    /// Replaces the workloads at once, as a careful editor does.
    pub(crate) fn write(&self, yaml: &str) {
        let new = self.0.path().join("new");
        fs::write(&new, yaml).unwrap();
        fs::rename(new, self.file()).unwrap();
    }

    pub(crate) fn ledger_path(&self) -> PathBuf {
        self.0.path().join("ledger")
    }

    /// What the samples of this home have executed.
    pub(crate) fn ledger(&self) -> Ledger {
        Ledger::read(self.ledger_path()).unwrap()
    }

    /// The command of a sample with this home's ledger, as a YAML list.
    pub(crate) fn sample(&self, flags: &[&str]) -> String {
        let ledger = self.ledger_path();
        let rouse = env!("CARGO_BIN_EXE_rouse");
        let own = [rouse, "sample", "--ledger", ledger.to_str().unwrap()];
        serde_json::to_string(&[&own, flags].concat()).unwrap()
    }

    /// One document: a sample named so, for the host of that name; `spec` and `http` are fields in YAML flow style, such as
    /// `idleAfter: 1s, replicas: {max: 1}` and `concurrency: {limit: 1}`.
    pub(crate) fn workload(&self, name: &str, spec: &str, http: &str, flags: &[&str]) -> String {
        let command = self.sample(&[flags, &["--name", name]].concat());
        let after = |fields: &str| match fields {
            "" => String::new(),
            fields => format!(", {fields}"),
        };
        let (spec, http) = (after(spec), after(http));
        format!(
            "---\napiVersion: rouse.dev/v1alpha1\nkind: ScaledWorkload\nmetadata: {{name: {name}}}\n\
             spec: {{target: {{process: {{command: {command}}}}}, http: {{hosts: [{name}]{http}}}{spec}}}\n"
        )
    }
}
