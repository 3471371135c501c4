//! What a scaler counts of its links.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, Default)]
pub(super) struct Metrics {
    pub(super) sessions: Gauge,
    pub(super) opened: Counter,
    pub(super) refused: Counter,
    pub(super) malformed: Counter,
    pub(super) received: Counter,
    pub(super) sent: Counter,
}

impl Metrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let server = registry.sub_registry_with_prefix("rouse_link_server");
        server.register(
            "sessions",
            "Proxies that are connected now",
            metrics.sessions.clone(),
        );
        server.register(
            "sessions_opened",
            "Sessions that proxies have opened",
            metrics.opened.clone(),
        );
        server.register(
            "connections_refused",
            "Connections that ended in their handshake, or spoke no common version",
            metrics.refused.clone(),
        );
        server.register(
            "messages_malformed",
            "Messages that meant nothing, each of which ended its session",
            metrics.malformed.clone(),
        );
        server.register(
            "messages_received",
            "Messages from proxies",
            metrics.received.clone(),
        );
        server.register(
            "messages_sent",
            "Messages to proxies, signs of life included",
            metrics.sent.clone(),
        );
        metrics
    }
}
