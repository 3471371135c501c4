use std::convert::Infallible;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use rouse_api::workload::Workload;

use super::{Watcher, load};

/// How often the files were taken on anew, and how often they were refused.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reloads(Family<Labels, Counter>);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: &'static str,
}

impl Reloads {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let reloads = Self::default();
        // Both series are there from the start, so that the first refusal is seen as an increase.
        reloads.count("applied", 0);
        reloads.count("refused", 0);
        registry.register(
            "rouse_config_reloads",
            "Changes of the files with workloads, by what became of them",
            reloads.0.clone(),
        );
        reloads
    }

    fn count(&self, outcome: &'static str, by: u64) {
        self.0.get_or_create(&Labels { outcome }).inc_by(by);
    }
}

/// Applies each change of the files as a whole, or refuses it and keeps what was. Runs until it is dropped.
pub(crate) async fn reload(
    mut watcher: Watcher,
    reloads: Reloads,
    apply: impl AsyncFn(Vec<Workload>),
) -> Infallible {
    loop {
        match load(&watcher.changed().await) {
            Ok(workloads) => {
                let count = workloads.len();
                apply(workloads).await;
                reloads.count("applied", 1);
                tracing::info!(workloads = count, "changed files are in force");
            }
            Err(bad) => {
                reloads.count("refused", 1);
                let lines = bad.lines();
                for line in &lines {
                    tracing::error!("{line}");
                }
                tracing::error!(
                    problems = lines.len(),
                    "changed files are refused; what was in force before stays"
                );
            }
        }
    }
}
