//! What a proxy counts of its links.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::sync::atomic::AtomicU64;

use super::ConnectionState;

#[derive(Debug, Clone, Default)]
pub(super) struct Metrics {
    connections: Family<StateLabels, Gauge>,
    pub(super) failed: Counter,
    pub(super) opened: Counter,
    pub(super) source_changes: Counter,
    pub(super) linked: Gauge,
    pub(super) snapshot_seconds: Gauge<f64, AtomicU64>,
    pub(super) received: Counter,
    pub(super) sent: Counter,
    pub(super) merged: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    state: &'static str,
}

impl Metrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let client = registry.sub_registry_with_prefix("rouse_link_client");
        client.register(
            "connections",
            "Scalers by how far their connection is",
            metrics.connections.clone(),
        );
        client.register(
            "connections_failed",
            "Connections that could not be made or have broken",
            metrics.failed.clone(),
        );
        client.register(
            "connections_opened",
            "Connections that a scaler has welcomed",
            metrics.opened.clone(),
        );
        client.register(
            "source_changes",
            "Times that another scaler's word began to count",
            metrics.source_changes.clone(),
        );
        client.register(
            "linked",
            "1 while some scaler's word counts",
            metrics.linked.clone(),
        );
        client.register(
            "last_snapshot_seconds",
            "From the last welcome to the end of its snapshot",
            metrics.snapshot_seconds.clone(),
        );
        client.register(
            "messages_received",
            "Messages from scalers, signs of life included",
            metrics.received.clone(),
        );
        client.register("messages_sent", "Messages to scalers", metrics.sent.clone());
        client.register(
            "messages_merged",
            "Messages that a slow scaler gets as one with a later one",
            metrics.merged.clone(),
        );
        metrics
    }

    pub(super) fn connections(&self, count: impl Fn(ConnectionState) -> usize) {
        for (state, word) in [
            (ConnectionState::Connecting, "connecting"),
            (ConnectionState::Syncing, "syncing"),
            (ConnectionState::Synced, "synced"),
        ] {
            let count = i64::try_from(count(state)).unwrap_or(i64::MAX);
            self.connections
                .get_or_create(&StateLabels { state: word })
                .set(count);
        }
    }
}
