//! What is known of Services and their endpoints. Pure.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};
use kube::ResourceExt;

use super::Frontends;

/// An object's namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Key {
    pub(crate) fn new(namespace: &str, name: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    pub(crate) fn of(object: &impl ResourceExt) -> Self {
        Self {
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.namespace, self.name)
    }
}

/// What is kept of a Service.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ServiceEntry {
    /// None: headless.
    pub(crate) cluster_ip: Option<Ipv4Addr>,
    /// The TCP ports: name (empty without) and number.
    pub(crate) ports: Vec<(String, u16)>,
}

impl ServiceEntry {
    /// None for what has no address in the cluster: an ExternalName, or one that has none yet.
    pub(crate) fn read(service: &Service) -> Option<(Key, Self)> {
        let spec = service.spec.as_ref()?;
        let cluster_ip = match spec.cluster_ip.as_deref()? {
            "None" => None,
            address => Some(address.parse().ok()?),
        };
        let ports = spec.ports.iter().flatten();
        let ports = ports
            .filter(|port| tcp(port.protocol.as_deref()))
            .filter_map(|port| {
                let number = u16::try_from(port.port).ok()?;
                Some((port.name.clone().unwrap_or_default(), number))
            })
            .collect();
        Some((Key::of(service), Self { cluster_ip, ports }))
    }
}

/// What is kept of an EndpointSlice.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SliceEntry {
    service: Key,
    /// Name (empty without) and number.
    ports: Vec<(String, u16)>,
    endpoints: Vec<EndpointEntry>,
}

/// What is kept of an endpoint.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EndpointEntry {
    pub(crate) address: Ipv4Addr,
    /// Also of one that isn't, when the Service publishes those: Kubernetes says so in the slice.
    pub(crate) ready: bool,
    /// It ends, but still answers.
    last_resort: bool,
    pub(crate) hostname: Option<String>,
}

impl SliceEntry {
    /// None for what is no Service's, or not IPv4.
    pub(crate) fn read(slice: &EndpointSlice) -> Option<(Key, Self)> {
        let key = Key::of(slice);
        let service = slice.labels().get("kubernetes.io/service-name")?;
        if slice.address_type != "IPv4" {
            return None;
        }
        let ports = slice.ports.iter().flatten();
        let ports = ports
            .filter(|port| tcp(port.protocol.as_deref()))
            .filter_map(|port| {
                let number = u16::try_from(port.port?).ok()?;
                Some((port.name.clone().unwrap_or_default(), number))
            })
            .collect();
        let endpoints = slice.endpoints.iter().flatten();
        let entry = Self {
            service: Key::new(&key.namespace, service),
            ports,
            endpoints: endpoints.flat_map(EndpointEntry::read).collect(),
        };
        Some((key, entry))
    }
}

impl EndpointEntry {
    fn read(endpoint: &Endpoint) -> Vec<Self> {
        let conditions = endpoint.conditions.clone().unwrap_or_default();
        // Unset means ready, and serving.
        let ready = conditions.ready.unwrap_or(true);
        let serving = conditions.serving.unwrap_or(ready);
        let last_resort = serving && conditions.terminating.unwrap_or(false);
        let addresses = endpoint.addresses.iter();
        addresses
            .filter_map(|address| {
                Some(Self {
                    address: address.parse().ok()?,
                    ready,
                    last_resort,
                    hostname: endpoint.hostname.clone(),
                })
            })
            .collect()
    }
}

fn tcp(protocol: Option<&str>) -> bool {
    protocol.is_none_or(|protocol| protocol == "TCP")
}

/// All Services, and all EndpointSlices by Service.
#[derive(Debug, Default)]
pub(crate) struct Table {
    services: HashMap<Key, ServiceEntry>,
    slices: HashMap<Key, SliceEntry>,
    by_service: HashMap<Key, BTreeSet<Key>>,
}

/// Each change gives the Services that it may concern.
impl Table {
    pub(crate) fn set_service(&mut self, key: Key, entry: ServiceEntry) -> Vec<Key> {
        self.services.insert(key.clone(), entry);
        vec![key]
    }

    pub(crate) fn remove_service(&mut self, key: &Key) -> Vec<Key> {
        self.services.remove(key);
        vec![key.clone()]
    }

    pub(crate) fn set_services(&mut self, all: HashMap<Key, ServiceEntry>) -> Vec<Key> {
        let old = std::mem::replace(&mut self.services, all);
        let changed: BTreeSet<_> = old
            .into_keys()
            .chain(self.services.keys().cloned())
            .collect();
        changed.into_iter().collect()
    }

    pub(crate) fn set_slice(&mut self, key: Key, entry: SliceEntry) -> Vec<Key> {
        let mut changed = self.remove_slice(&key);
        let service = entry.service.clone();
        let slices = self.by_service.entry(service.clone()).or_default();
        slices.insert(key.clone());
        self.slices.insert(key, entry);
        if !changed.contains(&service) {
            changed.push(service);
        }
        changed
    }

    pub(crate) fn remove_slice(&mut self, key: &Key) -> Vec<Key> {
        let Some(old) = self.slices.remove(key) else {
            return Vec::new();
        };
        if let Some(slices) = self.by_service.get_mut(&old.service) {
            slices.remove(key);
            if slices.is_empty() {
                self.by_service.remove(&old.service);
            }
        }
        vec![old.service]
    }

    pub(crate) fn set_slices(&mut self, all: HashMap<Key, SliceEntry>) -> Vec<Key> {
        let mut changed: BTreeSet<_> = self
            .by_service
            .drain()
            .map(|(service, _)| service)
            .collect();
        self.slices.clear();
        for (key, entry) in all {
            changed.extend(self.set_slice(key, entry));
        }
        changed.into_iter().collect()
    }

    pub(crate) fn service(&self, key: &Key) -> Option<&ServiceEntry> {
        self.services.get(key)
    }

    /// Of all slices of the Service; one that is in two of them comes twice.
    pub(crate) fn endpoints(&self, service: &Key) -> impl Iterator<Item = &EndpointEntry> {
        self.slices_of(service).flat_map(|slice| &slice.endpoints)
    }

    /// What to listen on for a Service, and where to forward to; nothing for one that is gone or headless.
    pub(crate) fn frontends(&self, service: &Key) -> Frontends {
        let mut frontends = Frontends::new();
        let Some(entry) = self.services.get(service) else {
            return frontends;
        };
        let Some(address) = entry.cluster_ip else {
            return frontends;
        };
        for (name, number) in &entry.ports {
            frontends.insert((address, *number), self.backends(service, name));
        }
        frontends
    }

    /// The ready ones; without any, those that end but still serve, as kube-proxy has it.
    fn backends(&self, service: &Key, port: &str) -> Vec<SocketAddr> {
        let chosen = |choose: fn(&EndpointEntry) -> bool| {
            let slices = self.slices_of(service);
            let all = slices.flat_map(|slice| {
                let numbers = slice.ports.iter().filter(|(name, _)| name == port);
                numbers.flat_map(move |(_, number)| {
                    let endpoints = slice.endpoints.iter().filter(move |entry| choose(entry));
                    endpoints.map(|entry| SocketAddr::from((entry.address, *number)))
                })
            });
            all.collect::<BTreeSet<_>>()
        };
        let mut backends = chosen(|endpoint| endpoint.ready);
        if backends.is_empty() {
            backends = chosen(|endpoint| endpoint.last_resort);
        }
        backends.into_iter().collect()
    }

    fn slices_of(&self, service: &Key) -> impl Iterator<Item = &SliceEntry> {
        let keys = self.by_service.get(service).into_iter().flatten();
        keys.filter_map(|key| self.slices.get(key))
    }
}

#[cfg(test)]
mod tests;
