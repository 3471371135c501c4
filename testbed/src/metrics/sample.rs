use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::RwLock;

use super::answer::{PodUsage, Snapshot};
use super::usage::Look;
use crate::node::Context;

/// The newest usage of a node's pods.
#[derive(Debug, Clone)]
pub(crate) struct Samples(Arc<RwLock<Snapshot>>);

impl Samples {
    pub(crate) fn new(node: &str) -> Self {
        Self(Arc::new(RwLock::new(Snapshot {
            node: node.to_owned(),
            pods: Vec::new(),
            at: Timestamp::now(),
            window: Duration::ZERO,
        })))
    }

    pub(crate) fn read<T>(&self, read: impl FnOnce(&Snapshot) -> T) -> T {
        read(&self.0.read())
    }

    /// Looks every `window`, until dropped.
    pub(crate) async fn follow(self, context: Arc<Context>, window: Duration) {
        let mut ticks = tokio::time::interval(window);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        ticks.tick().await;
        let mut before = Look::now();
        loop {
            ticks.tick().await;
            let now = Look::now();
            let pods = pods(&context, &before, &now);
            {
                let mut snapshot = self.0.write();
                snapshot.pods = pods;
                snapshot.at = Timestamp::now();
                snapshot.window = now.window(&before);
            }
            before = now;
        }
    }
}

/// Pods with a container that was there at both looks.
fn pods(context: &Context, before: &Look, now: &Look) -> Vec<PodUsage> {
    let usage = |pod: Arc<crate::node::PodState>| {
        let seen = pod.seen();
        let containers = seen.containers.iter();
        let containers = containers.filter_map(|(name, container)| {
            Some((name.clone(), now.since(before, container.pid?)?))
        });
        PodUsage {
            namespace: pod.namespace.clone(),
            name: pod.name.clone(),
            labels: pod.object().metadata.labels.clone().unwrap_or_default(),
            containers: containers.collect(),
        }
    };
    let pods = context.pods().into_iter().map(usage);
    pods.filter(|pod| !pod.containers.is_empty()).collect()
}
