//! Events in, observations out. Objects are written as the API server sends them.

mod adopted;
mod blocks;
mod classes;
mod endpoints;
mod failures;
mod fronts;
mod objects;

use std::collections::HashSet;
use std::time::Duration;

use rouse_scaler::platform::Observation;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::event::{Change, Event, Key, Scope};
use super::object::Object;
use super::pod::Pod;
use super::service::Service;
use super::target::Target;
use super::{Index, UNSCHEDULABLE_WAIT};

struct World {
    index: Index,
    now: Instant,
}

fn read<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn id(name: &str) -> Key {
    Key::new("shop", name)
}

/// `base` with what `patch` says; null takes a field away.
fn with(mut base: Value, patch: Value) -> Value {
    fn merge(base: &mut Value, patch: Value) {
        match (base, patch) {
            (Value::Object(base), Value::Object(patch)) => {
                for (name, value) in patch {
                    if value.is_null() {
                        base.remove(&name);
                    } else {
                        merge(base.entry(name).or_insert(Value::Null), value);
                    }
                }
            }
            (base, patch) => *base = patch,
        }
    }
    merge(&mut base, patch);
    base
}

fn object(name: &str) -> Value {
    json!({
        "apiVersion": "rouse.dev/v1alpha1", "kind": "ScaledWorkload",
        "metadata": {"namespace": "shop", "name": name, "uid": format!("sw-{name}"), "generation": 1,
            "resourceVersion": "10", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"http": {"hosts": [format!("{name}.example.com")]}}
    })
}

fn deployment(name: &str, version: u64, replicas: u32) -> Value {
    json!({
        "metadata": {"namespace": "shop", "name": name, "uid": format!("d-{name}"), "resourceVersion": version.to_string()},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": {}}
    })
}

fn owned(manager: &str, operation: &str) -> Value {
    json!({"metadata": {"managedFields": [{"manager": manager, "operation": operation, "subresource": "scale",
        "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]}})
}

fn service(name: &str) -> Value {
    json!({
        "metadata": {"namespace": "shop", "name": name},
        "spec": {"clusterIP": "10.96.0.7", "selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]}
    })
}

fn pod(name: &str, app: &str) -> Value {
    json!({
        "metadata": {"namespace": "shop", "name": name, "uid": format!("p-{name}"), "resourceVersion": "5",
            "labels": {"app": app, "pod-template-hash": "1"}},
        "spec": {"containers": [{"name": "main", "ports": [{"name": "web", "containerPort": 8081}]}]},
        "status": {"phase": "Running", "podIP": "10.244.0.9"}
    })
}

fn ready() -> Value {
    json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}})
}

impl World {
    fn empty() -> Self {
        Self {
            index: Index::new(UNSCHEDULABLE_WAIT),
            now: Instant::now(),
        }
    }

    /// A workload with its Deployment of one replica and its Service.
    fn new() -> Self {
        let mut world = Self::empty();
        world.object(object("web"));
        world.deployment(deployment("web", 20, 1));
        world.service(service("web"));
        world
    }

    fn handle(&mut self, event: Event) {
        self.index.handle(event, self.now);
    }

    fn object(&mut self, value: Value) {
        let object = Object::of(&read(value)).unwrap();
        self.handle(Event::Object(Change::Apply(object)));
    }

    fn deployment(&mut self, value: Value) {
        let target = Target::deployment(read(value)).unwrap();
        self.handle(Event::Target(Change::Apply(target)));
    }

    fn service(&mut self, value: Value) {
        self.handle(Event::Service(Change::Apply(
            Service::of(read(value)).unwrap(),
        )));
    }

    fn pod(&mut self, value: Value) {
        self.handle(Event::Pod(Change::Apply(Pod::of(&read(value)).unwrap())));
    }

    fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    fn see(&mut self) -> Observation {
        self.index.observe(&id("web"), self.now).unwrap()
    }

    fn reason(&mut self) -> Option<String> {
        self.see().failure.map(|failure| failure.reason)
    }

    fn progress(&mut self) -> Option<String> {
        self.see().progress.map(|progress| progress.reason)
    }

    fn blocked(&mut self) -> Option<String> {
        self.see().blocked.map(|blocked| blocked.reason)
    }

    fn changed(&mut self) -> Vec<String> {
        let changed = self.index.take_changed(self.now);
        changed.iter().map(|key| key.name().to_owned()).collect()
    }
}

fn all(kind: &str) -> Scope {
    Scope {
        namespace: None,
        kind: kind.to_owned(),
    }
}

fn nothing<T>() -> HashSet<T> {
    HashSet::new()
}
