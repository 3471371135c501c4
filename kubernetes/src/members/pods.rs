//! Events of Pods to what is known of each proxy's Pod; pure.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use kube::runtime::watcher::Event;

/// The proxies' Pods that have not ended, by their UIDs.
pub type ProxyPods = BTreeMap<Arc<str>, ProxyPod>;

/// A proxy's Pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyPod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its own; `None`: not yet.
    pub address: Option<IpAddr>,
    /// Where it runs.
    pub node: Option<String>,
    /// Kubelet says that it is ready.
    pub ready: bool,
    /// It was told to end.
    pub terminating: bool,
}

impl ProxyPod {
    /// Whether it should be sent connections.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.ready && !self.terminating
    }

    /// `None`: it has ended.
    fn of(pod: &Pod) -> Option<Self> {
        let status = pod.status.as_ref();
        let phase = status.and_then(|status| status.phase.as_deref());
        if matches!(phase, Some("Failed" | "Succeeded")) {
            return None;
        }
        let address = status.and_then(|status| status.pod_ip.as_deref());
        let conditions = status.and_then(|status| status.conditions.as_deref());
        let mut conditions = conditions.unwrap_or_default().iter();
        Some(Self {
            namespace: pod.metadata.namespace.clone().unwrap_or_default(),
            name: pod.metadata.name.clone()?,
            address: address.and_then(|text| text.parse().ok()),
            node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
            ready: conditions.any(|one| one.type_ == "Ready" && one.status == "True"),
            terminating: pod.metadata.deletion_timestamp.is_some(),
        })
    }
}

/// Follows the Pods.
#[derive(Debug, Default)]
pub(super) struct Pods {
    pods: ProxyPods,
    /// What a list under way has brought so far.
    listing: Option<ProxyPods>,
    listed: bool,
}

impl Pods {
    /// The Pods after an event; `None`: they have not all been listed.
    pub(super) fn take(&mut self, event: &Event<Pod>) -> Option<&ProxyPods> {
        match event {
            Event::Init => self.listing = Some(ProxyPods::new()),
            Event::InitApply(pod) => {
                if let Some(listing) = &mut self.listing {
                    put(listing, pod);
                }
            }
            Event::InitDone => {
                if let Some(pods) = self.listing.take() {
                    self.pods = pods;
                    self.listed = true;
                }
            }
            Event::Apply(pod) => put(&mut self.pods, pod),
            Event::Delete(pod) => {
                if let Some(uid) = pod.metadata.uid.as_deref() {
                    self.pods.remove(uid);
                }
            }
        }
        self.listed.then_some(&self.pods)
    }
}

fn put(pods: &mut ProxyPods, pod: &Pod) {
    let Some(uid) = pod.metadata.uid.as_deref() else {
        return;
    };
    match ProxyPod::of(pod) {
        Some(pod) => pods.insert(uid.into(), pod),
        None => pods.remove(uid),
    };
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(uid: &str, more: Value) -> Pod {
        let mut pod = json!({
            "metadata": {"namespace": "rouse", "name": format!("proxy-{uid}"), "uid": uid},
            "spec": {"containers": [], "nodeName": "node"},
            "status": {"phase": "Running", "podIP": "10.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]},
        });
        for (at, value) in more.as_object().unwrap() {
            let (parent, field) = at.rsplit_once('/').unwrap();
            pod.pointer_mut(parent).unwrap()[field] = value.clone();
        }
        serde_json::from_value(pod).unwrap()
    }

    fn up(pods: &ProxyPods) -> Vec<(&str, bool)> {
        pods.iter()
            .map(|(uid, pod)| (&**uid, pod.is_up()))
            .collect()
    }

    #[test]
    fn they_come_get_ready_and_go() {
        let mut pods = Pods::default();
        assert_eq!(pods.take(&Event::Init), None);
        assert_eq!(pods.take(&Event::InitApply(pod("a", json!({})))), None);
        let listed = pods.take(&Event::InitDone).unwrap();
        assert_eq!(up(listed), [("a", true)]);
        assert_eq!(listed["a"].address, Some("10.0.0.1".parse().unwrap()));
        let starting = json!({"/status/conditions": [{"type": "Ready", "status": "False"}]});
        let two = pods.take(&Event::Apply(pod("b", starting))).unwrap();
        assert_eq!(up(two), [("a", true), ("b", false)]);
        let told = json!({"/metadata/deletionTimestamp": "2026-01-31T09:30:00Z"});
        let two = pods.take(&Event::Apply(pod("a", told))).unwrap();
        assert!(two["a"].ready && two["a"].terminating && !two["a"].is_up());
        let ended = json!({"/status/phase": "Succeeded"});
        let one = pods.take(&Event::Apply(pod("a", ended))).unwrap();
        assert_eq!(up(one), [("b", false)]);
        assert!(
            pods.take(&Event::Delete(pod("b", json!({}))))
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn while_it_is_listed_anew_what_was_known_stands() {
        let mut pods = Pods::default();
        pods.take(&Event::Init);
        pods.take(&Event::InitApply(pod("a", json!({}))));
        pods.take(&Event::InitDone);
        assert_eq!(up(pods.take(&Event::Init).unwrap()), [("a", true)]);
        let still = pods.take(&Event::InitApply(pod("b", json!({})))).unwrap();
        assert_eq!(up(still), [("a", true)]);
        assert_eq!(up(pods.take(&Event::InitDone).unwrap()), [("b", true)]);
    }
}
