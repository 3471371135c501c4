use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, EnvVarSource, Pod};

use super::expand::expand;
use super::fields::{Facts, field};
use super::objects::{Data, Key, Kind};

/// containerd's, for images that set none.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A process' whole environment.
pub(crate) type Env = BTreeMap<String, String>;

/// Objects by key, as far as they exist.
pub(crate) type Found = BTreeMap<Key, Arc<Data>>;

/// The objects that the container's environment is made of.
pub(crate) fn references(namespace: &str, container: &Container) -> BTreeSet<Key> {
    let key = |kind, name: &String| Key {
        kind,
        namespace: namespace.to_owned(),
        name: name.clone(),
    };
    let mut keys = BTreeSet::new();
    for from in container.env_from.iter().flatten() {
        let map = from.config_map_ref.iter();
        keys.extend(map.map(|map| key(Kind::ConfigMap, &map.name)));
        let secret = from.secret_ref.iter();
        keys.extend(secret.map(|secret| key(Kind::Secret, &secret.name)));
    }
    for source in container
        .env
        .iter()
        .flatten()
        .filter_map(|var| var.value_from.as_ref())
    {
        let map = source.config_map_key_ref.iter();
        keys.extend(map.map(|map| key(Kind::ConfigMap, &map.name)));
        let secret = source.secret_key_ref.iter();
        keys.extend(secret.map(|secret| key(Kind::Secret, &secret.name)));
    }
    keys
}

/// The container's environment: `base` (what the cluster says of itself), then `envFrom`, then `env`; later names win.
///
/// # Errors
/// What is missing, as kubelet says it in `CreateContainerConfigError`.
pub(crate) fn resolve(
    pod: &Pod,
    container: &Container,
    facts: &Facts,
    base: &Env,
    found: &Found,
) -> Result<Env, String> {
    let namespace = pod.metadata.namespace.clone().unwrap_or_default();
    let mut env = Env::from([
        ("PATH".to_owned(), PATH.to_owned()),
        ("HOME".to_owned(), "/root".to_owned()),
    ]);
    let name = pod.metadata.name.clone().unwrap_or_default();
    env.insert("HOSTNAME".to_owned(), name);
    env.extend(base.clone());
    from_objects(&namespace, container, found, &mut env)?;
    let sources = Sources {
        pod,
        facts,
        namespace,
        found,
    };
    for var in container.env.iter().flatten() {
        let value = match (&var.value, &var.value_from) {
            (_, Some(source)) => sources
                .value(source)
                .map_err(|error| format!("env {}: {error}", var.name))?,
            (value, None) => {
                let text = value.as_deref().unwrap_or_default();
                Some(expand(text, |name| env.get(name).cloned()))
            }
        };
        if let Some(value) = value {
            env.insert(var.name.clone(), value);
        }
    }
    Ok(env)
}

fn from_objects(
    namespace: &str,
    container: &Container,
    found: &Found,
    env: &mut Env,
) -> Result<(), String> {
    for from in container.env_from.iter().flatten() {
        let (kind, name, optional) = match (&from.config_map_ref, &from.secret_ref) {
            (Some(map), _) => (Kind::ConfigMap, &map.name, map.optional),
            (None, Some(secret)) => (Kind::Secret, &secret.name, secret.optional),
            (None, None) => continue,
        };
        let key = Key {
            kind,
            namespace: namespace.to_owned(),
            name: name.clone(),
        };
        let prefix = from.prefix.as_deref().unwrap_or_default();
        match found.get(&key) {
            Some(data) => {
                for (name, value) in data.iter() {
                    let value = String::from_utf8_lossy(value).into_owned();
                    env.insert(format!("{prefix}{name}"), value);
                }
            }
            None if optional == Some(true) => {}
            None => return Err(format!("{key} not found")),
        }
    }
    Ok(())
}

struct Sources<'a> {
    pod: &'a Pod,
    facts: &'a Facts,
    namespace: String,
    found: &'a Found,
}

impl Sources<'_> {
    /// `None` when an optional key is absent.
    fn value(&self, source: &EnvVarSource) -> Result<Option<String>, String> {
        if let Some(reference) = &source.field_ref {
            return field(self.pod, self.facts, &reference.field_path).map(Some);
        }
        if let Some(map) = &source.config_map_key_ref {
            return self.key(Kind::ConfigMap, &map.name, &map.key, map.optional);
        }
        if let Some(secret) = &source.secret_key_ref {
            return self.key(Kind::Secret, &secret.name, &secret.key, secret.optional);
        }
        Err("this node knows fieldRef, configMapKeyRef and secretKeyRef only".to_owned())
    }

    fn key(
        &self,
        kind: Kind,
        name: &str,
        key: &str,
        optional: Option<bool>,
    ) -> Result<Option<String>, String> {
        let object = Key {
            kind,
            namespace: self.namespace.clone(),
            name: name.to_owned(),
        };
        let data = self.found.get(&object);
        match data.and_then(|data| data.get(key)) {
            Some(value) => Ok(Some(String::from_utf8_lossy(value).into_owned())),
            None if optional == Some(true) => Ok(None),
            None if data.is_none() => Err(format!("{object} not found")),
            None => Err(format!("couldn't find key {key} in {object}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(container: serde_json::Value) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": "p", "namespace": "n", "uid": "u", "labels": {"app": "a"}},
            "spec": {"containers": [container], "nodeName": "node", "serviceAccountName": "s"},
        }))
        .unwrap()
    }

    fn run(container: serde_json::Value, found: &Found) -> Result<Env, String> {
        let pod = pod(container);
        let facts = Facts {
            pod_ip: [10, 244, 0, 7].into(),
            host_ip: [10, 244, 0, 1].into(),
        };
        let container = pod.spec.as_ref().unwrap().containers[0].clone();
        resolve(&pod, &container, &facts, &Env::new(), found)
    }

    fn object(kind: Kind, name: &str, data: &[(&str, &str)]) -> (Key, Arc<Data>) {
        let key = Key {
            kind,
            namespace: "n".to_owned(),
            name: name.to_owned(),
        };
        let data = data
            .iter()
            .map(|(k, v)| ((*k).to_owned(), v.as_bytes().to_vec()));
        (key, Arc::new(data.collect()))
    }

    #[test]
    fn values_fields_and_references() {
        let found = Found::from([
            object(Kind::ConfigMap, "m", &[("k", "one"), ("OTHER", "x")]),
            object(Kind::Secret, "s", &[("k", "two")]),
        ]);
        let env = run(
            json!({"name": "c",
                "envFrom": [{"configMapRef": {"name": "m"}, "prefix": "M_"}],
                "env": [
                    {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                    {"name": "LISTEN", "value": "$(POD_IP):8080"},
                    {"name": "APP", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
                    {"name": "ONE", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "k"}}},
                    {"name": "TWO", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                    {"name": "NONE", "valueFrom": {"secretKeyRef": {"name": "t", "key": "k", "optional": true}}},
                ]}),
            &found,
        )
        .unwrap();
        let get = |name: &str| env.get(name).map(String::as_str);
        assert_eq!(get("LISTEN"), Some("10.244.0.7:8080"));
        assert_eq!(get("APP"), Some("a"));
        assert_eq!(
            (get("ONE"), get("TWO"), get("NONE")),
            (Some("one"), Some("two"), None)
        );
        assert_eq!(get("M_OTHER"), Some("x"));
        assert_eq!(get("HOSTNAME"), Some("p"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let var = |source: serde_json::Value| json!({"name": "c", "env": [{"name": "V", "valueFrom": source}]});
        let missing = var(json!({"secretKeyRef": {"name": "s", "key": "k"}}));
        assert_eq!(
            run(missing, &Found::new()).unwrap_err(),
            "env V: secret \"s\" not found"
        );
        let found = Found::from([object(Kind::ConfigMap, "m", &[])]);
        let key = var(json!({"configMapKeyRef": {"name": "m", "key": "k"}}));
        assert_eq!(
            run(key, &found).unwrap_err(),
            "env V: couldn't find key k in configmap \"m\""
        );
        let field = var(json!({"fieldRef": {"fieldPath": "spec.what"}}));
        assert!(run(field, &found).unwrap_err().contains("spec.what"));
    }

    #[test]
    fn references_name_each_object_once() {
        let pod = pod(json!({"name": "c",
        "envFrom": [{"secretRef": {"name": "s"}}],
        "env": [
            {"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "a"}}},
            {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "b"}}},
        ]}));
        let keys = references("n", &pod.spec.unwrap().containers[0]);
        let names: Vec<_> = keys.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["configmap \"m\"", "secret \"s\""]);
    }
}
