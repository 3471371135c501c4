//! The manifests of `deploy/kubernetes`: every field is one of Kubernetes', and they fit together.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Container, Namespace, PodSpec, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{
    ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

const NAMESPACE: &str = "rouse";

/// All documents with the files they are in, sorted.
fn documents() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/kubernetes");
    let mut all = Vec::new();
    for folder in [folder.clone(), folder.join("namespaced")] {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "yaml") {
                continue;
            }
            let file = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap();
            let file = file.display().to_string();
            let parsed: Vec<Value> =
                serde_saphyr::from_multiple(&fs::read_to_string(&path).unwrap())
                    .unwrap_or_else(|error| panic!("{file}: {error}"));
            all.extend(parsed.into_iter().map(|object| (file.clone(), object)));
        }
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(all.len() > 10, "{}", all.len());
    all
}

/// The objects of a kind, by name.
fn of_kind<T: DeserializeOwned>(kind: &str) -> BTreeMap<String, T> {
    let of_kind = documents()
        .into_iter()
        .filter(|(_, object)| object["kind"] == kind);
    of_kind
        .map(|(file, object)| {
            let name = object["metadata"]["name"].as_str().unwrap().to_owned();
            let object = serde_json::from_value(object);
            (
                name,
                object.unwrap_or_else(|error| panic!("{file}: {error}")),
            )
        })
        .collect()
}

/// Fields of `written` that are not in `read`: nobody knows them.
fn lost(written: &Value, read: &Value, path: &str, into: &mut Vec<String>) {
    match (written, read) {
        (Value::Object(written), Value::Object(read)) => {
            for (name, inner) in written {
                let path = format!("{path}.{name}");
                match read.get(name) {
                    Some(read) => lost(inner, read, &path, into),
                    None => into.push(path),
                }
            }
        }
        (Value::Array(written), Value::Array(read)) => {
            for (at, (written, read)) in written.iter().zip(read).enumerate() {
                lost(written, read, &format!("{path}[{at}]"), into);
            }
        }
        (written, read) if written == read => {}
        _ => into.push(path.to_owned()),
    }
}

fn unknown<T: DeserializeOwned + Serialize>(object: &Value) -> Vec<String> {
    let typed: T = match serde_json::from_value(object.clone()) {
        Ok(typed) => typed,
        Err(error) => return vec![error.to_string()],
    };
    let mut fields = Vec::new();
    lost(
        object,
        &serde_json::to_value(typed).unwrap(),
        "",
        &mut fields,
    );
    fields
}

#[test]
fn every_field_is_one_of_kubernetes() {
    for (file, object) in documents() {
        let fields = match object["kind"].as_str().unwrap() {
            "Namespace" => unknown::<Namespace>(&object),
            "ServiceAccount" => unknown::<ServiceAccount>(&object),
            "Role" => unknown::<Role>(&object),
            "RoleBinding" => unknown::<RoleBinding>(&object),
            "ClusterRole" => unknown::<ClusterRole>(&object),
            "ClusterRoleBinding" => unknown::<ClusterRoleBinding>(&object),
            "Deployment" => unknown::<Deployment>(&object),
            "Service" => unknown::<Service>(&object),
            "PodDisruptionBudget" => unknown::<PodDisruptionBudget>(&object),
            "NetworkPolicy" => unknown::<NetworkPolicy>(&object),
            "CustomResourceDefinition" => unknown::<CustomResourceDefinition>(&object),
            other => panic!("{file}: {other} is not looked at; add it"),
        };
        assert_eq!(fields, [""; 0], "{file}");
    }
}

#[test]
fn what_has_a_namespace_says_it() {
    for (file, object) in documents() {
        let kind = object["kind"].as_str().unwrap();
        let namespace = object["metadata"]["namespace"].as_str();
        let of_the_cluster = matches!(
            kind,
            "Namespace" | "ClusterRole" | "ClusterRoleBinding" | "CustomResourceDefinition"
        );
        let wanted = match file.contains("namespaced/") {
            _ if of_the_cluster => None,
            true => Some("default"),
            false => Some(NAMESPACE),
        };
        assert_eq!(namespace, wanted, "{file}: {kind}");
    }
    assert!(of_kind::<Namespace>("Namespace").contains_key(NAMESPACE));
}

#[test]
fn bindings_name_roles_and_accounts_that_are_there() {
    let roles = of_kind::<Role>("Role");
    let cluster_roles = of_kind::<ClusterRole>("ClusterRole");
    let accounts = of_kind::<ServiceAccount>("ServiceAccount");
    let bound = |role: &RoleRef, subjects: &Option<Vec<Subject>>| {
        let known = match role.kind.as_str() {
            "Role" => roles.contains_key(&role.name),
            _ => cluster_roles.contains_key(&role.name),
        };
        assert!(known, "{} {}", role.kind, role.name);
        let subjects = subjects.as_deref().unwrap();
        assert_eq!(subjects.len(), 1);
        assert!(accounts.contains_key(&subjects[0].name));
        assert_eq!(subjects[0].kind, "ServiceAccount");
        assert_eq!(subjects[0].namespace.as_deref(), Some(NAMESPACE));
        subjects[0].name.clone()
    };
    let mut who = Vec::new();
    for binding in of_kind::<RoleBinding>("RoleBinding").values() {
        who.push(bound(&binding.role_ref, &binding.subjects));
    }
    for binding in of_kind::<ClusterRoleBinding>("ClusterRoleBinding").values() {
        who.push(bound(&binding.role_ref, &binding.subjects));
    }
    who.dedup();
    assert_eq!(who, ["rouse-scaler"], "the proxies have no rights at all");
    let proxy = &accounts["rouse-proxy"];
    assert_eq!(proxy.automount_service_account_token, Some(false));
}

/// Group, resource and verb, each once.
fn triples(rules: &[PolicyRule]) -> Vec<String> {
    let mut all = Vec::new();
    for rule in rules {
        assert!(rule.non_resource_urls.is_none());
        for group in rule.api_groups.iter().flatten() {
            for resource in rule.resources.iter().flatten() {
                for verb in &rule.verbs {
                    all.push(format!("{verb} {group}/{resource}"));
                }
            }
        }
    }
    all.sort();
    all
}

#[test]
fn one_namespace_gives_the_rights_that_all_do() {
    let everywhere = &of_kind::<ClusterRole>("ClusterRole")["rouse-scaler"];
    let named = &of_kind::<Role>("Role")["rouse-workloads"];
    let everywhere = triples(everywhere.rules.as_deref().unwrap());
    assert_eq!(everywhere, triples(named.rules.as_deref().unwrap()));
    for right in &everywhere {
        let (verb, resource) = right.split_once(' ').unwrap();
        assert!(!right.contains('*'), "{right}");
        assert!(!resource.contains("secrets"), "{right}");
        let reads = matches!(verb, "get" | "list" | "watch");
        let scales = resource.ends_with("/scale") || resource.ends_with("/status");
        let tells = right == "create events.k8s.io/events";
        assert!(
            reads || tells || (verb == "patch" && scales),
            "{right}: changes more than a count or a status, or says what has happened"
        );
    }
}

struct Part {
    name: &'static str,
    deployment: Deployment,
    service: Service,
}

impl Part {
    fn pod(&self) -> &PodSpec {
        let template = &self.deployment.spec.template;
        template.spec.as_ref().unwrap()
    }

    fn container(&self) -> &Container {
        let containers = &self.pod().containers;
        assert_eq!(containers.len(), 1);
        &containers[0]
    }

    /// The value of a flag of the binary.
    fn flag(&self, name: &str) -> &str {
        let mut args = self.container().args.iter().flatten();
        let flag = format!("--{name}=");
        args.find_map(|arg| arg.strip_prefix(&flag))
            .unwrap_or_else(|| panic!("{}: no --{name}", self.name))
    }

    /// The number of a container's port.
    fn port(&self, name: &str) -> i32 {
        let mut ports = self.container().ports.iter().flatten();
        let port = ports.find(|port| port.name.as_deref() == Some(name));
        port.unwrap_or_else(|| panic!("{}: no port {name}", self.name))
            .container_port
    }
}

fn parts() -> [Part; 2] {
    let mut deployments = of_kind::<Deployment>("Deployment");
    let mut services = of_kind::<Service>("Service");
    ["rouse-proxy", "rouse-scaler"].map(|name| Part {
        name,
        deployment: deployments.remove(name).unwrap(),
        service: services.remove(name).unwrap(),
    })
}

#[test]
fn selectors_find_the_pods() {
    for part in parts() {
        let spec = &part.deployment.spec;
        let labels = spec.template.metadata.as_ref().unwrap().labels.as_ref();
        let labels = labels.unwrap();
        assert_eq!(labels["app.kubernetes.io/name"], part.name);
        assert_eq!(spec.selector.match_labels.as_ref(), Some(labels));
        let service = part.service.spec.as_ref().unwrap();
        assert_eq!(service.selector.as_ref(), Some(labels));
        for spread in part.pod().topology_spread_constraints.iter().flatten() {
            let selector = spread.label_selector.as_ref().unwrap();
            assert_eq!(selector.match_labels.as_ref(), Some(labels));
        }
    }
}

#[test]
fn ports_of_services_probes_and_flags_are_the_containers() {
    for part in parts() {
        for port in part.service.spec.as_ref().unwrap().ports.iter().flatten() {
            match port.target_port.as_ref().unwrap() {
                IntOrString::String(name) => assert!(part.port(name) > 0),
                IntOrString::Int(number) => panic!("{}: {number} has a name", part.name),
            }
        }
        let container = part.container();
        for probe in [&container.liveness_probe, &container.readiness_probe] {
            let get = probe.as_ref().unwrap().http_get.as_ref().unwrap();
            assert_eq!(get.port, IntOrString::String("admin".to_owned()));
        }
    }
    let [proxy, scaler] = parts();
    for (part, flag, port) in [
        (&proxy, "listen", "http"),
        (&proxy, "admin", "admin"),
        (&scaler, "link", "link"),
        (&scaler, "admin", "admin"),
    ] {
        let number = part.port(port);
        assert_eq!(part.flag(flag), format!("$(POD_IP):{number}"));
    }
    let link = scaler.service.spec.unwrap().ports.unwrap().remove(0).port;
    let scalers = format!("rouse-scaler.$(POD_NAMESPACE).svc:{link}");
    assert_eq!(proxy.flag("scalers"), scalers);
}

/// Every proxy connects to every scaler, also to those that aren't ready: a Service with an address of its own would choose one.
#[test]
fn the_scalers_service_names_every_one() {
    let [_, scaler] = parts();
    let spec = scaler.service.spec.unwrap();
    assert_eq!(spec.cluster_ip.as_deref(), Some("None"));
    assert_eq!(spec.publish_not_ready_addresses, Some(true));
}

#[test]
fn variables_that_arguments_name_are_there_and_come_from_the_pod() {
    for part in parts() {
        let container = part.container();
        let known: Vec<_> = container.env.iter().flatten().collect();
        for variable in &known {
            let from = variable.value_from.as_ref().unwrap();
            assert!(from.field_ref.is_some(), "{}", variable.name);
        }
        for arg in container.args.iter().flatten() {
            for rest in arg.split("$(").skip(1) {
                let name = rest.split_once(')').unwrap().0;
                assert!(known.iter().any(|one| one.name == name), "{arg}");
            }
        }
    }
}

#[test]
fn certificates_are_where_they_are_mounted() {
    let [proxy, scaler] = parts();
    let mount = &proxy.container().volume_mounts.as_ref().unwrap()[0];
    assert_eq!(mount.read_only, Some(true));
    for (flag, file) in [
        ("link-ca", "ca.crt"),
        ("link-cert", "tls.crt"),
        ("link-key", "tls.key"),
    ] {
        assert_eq!(proxy.flag(flag), format!("{}/{file}", mount.mount_path));
    }
    let volumes = proxy.pod().volumes.as_ref().unwrap();
    let volume = volumes.iter().find(|volume| volume.name == mount.name);
    let secret = volume.unwrap().secret.as_ref().unwrap();
    assert_eq!(secret.secret_name.as_deref(), Some("rouse-proxy-link"));
    assert_ne!(
        secret.optional,
        Some(true),
        "a missing one is tried again at once, its contents after a minute"
    );
    assert!(scaler.pod().volumes.is_none(), "it makes them itself");
}

/// The scaler makes two Secrets, and nothing may read another or all.
#[test]
fn the_secrets_that_are_made_are_those_the_role_is_for() {
    let [_, scaler] = parts();
    let role = &of_kind::<Role>("Role")["rouse-scaler"];
    let rules = role.rules.as_deref().unwrap();
    let secrets = rules.iter().filter(|rule| {
        let resources = rule.resources.as_ref();
        resources.is_some_and(|all| all.iter().any(|one| one == "secrets"))
    });
    let secrets: Vec<_> = secrets.collect();
    let [create, rest] = secrets[..] else {
        panic!("{secrets:?}");
    };
    assert_eq!(
        (&*create.verbs, &create.resource_names),
        (&["create".to_owned()][..], &None)
    );
    assert_eq!(rest.verbs, ["get", "update"]);
    let flag = scaler.flag("link-certificates");
    let (namespace, name) = flag.split_once('/').unwrap();
    assert_eq!(namespace, "$(POD_NAMESPACE)");
    let names = ["link-ca", "proxy-link"].map(|end| format!("{name}-{end}"));
    assert_eq!(rest.resource_names.as_deref(), Some(&names[..]));
}

#[test]
fn the_lease_and_the_proxies_are_those_the_role_is_for() {
    let [proxy, scaler] = parts();
    let role = &of_kind::<Role>("Role")["rouse-scaler"];
    let rules = role.rules.as_deref().unwrap();
    let lease = rules
        .iter()
        .find_map(|rule| rule.resource_names.as_ref())
        .unwrap();
    let flag = format!("$(POD_NAMESPACE)/{}", lease[0]);
    assert_eq!(scaler.flag("lease"), flag);
    let labels = proxy.deployment.spec.selector.match_labels.unwrap();
    let labels: Vec<_> = labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    assert_eq!(
        scaler.flag("proxies"),
        format!("$(POD_NAMESPACE)/{}", labels.join(","))
    );
    let rights = triples(rules);
    for right in ["get /pods", "list /pods", "watch /pods"] {
        assert!(rights.contains(&right.to_owned()), "{rights:?}");
    }
}

/// What `pod-security.kubernetes.io/enforce: restricted` asks for; the API server refuses Pods without it, and says so to nobody who applies a Deployment.
#[test]
fn pods_are_restricted() {
    let accounts = of_kind::<ServiceAccount>("ServiceAccount");
    for part in parts() {
        let pod = part.pod();
        assert!(accounts.contains_key(pod.service_account_name.as_ref().unwrap()));
        let context = pod.security_context.as_ref().unwrap();
        assert_eq!(context.run_as_non_root, Some(true));
        assert_eq!(
            context.seccomp_profile.as_ref().unwrap().type_,
            "RuntimeDefault"
        );
        let context = part.container().security_context.as_ref().unwrap();
        assert_eq!(context.allow_privilege_escalation, Some(false));
        assert_eq!(context.read_only_root_filesystem, Some(true));
        let drop = context.capabilities.as_ref().unwrap().drop.as_ref();
        assert_eq!(drop.unwrap(), &["ALL"]);
    }
    let [proxy, _] = parts();
    assert_eq!(proxy.pod().automount_service_account_token, Some(false));
}

/// The sleep before the stop, the drain's delay of 500 ms and its timeout must fit.
#[test]
fn a_proxy_has_the_time_to_drain() {
    let [proxy, _] = parts();
    let lifecycle = proxy.container().lifecycle.as_ref().unwrap();
    let stop = lifecycle.pre_stop.as_ref().unwrap();
    let sleep = stop.sleep.as_ref().unwrap().seconds;
    let drain = proxy.flag("drain-timeout").strip_suffix('s').unwrap();
    let drain: i64 = drain.parse().unwrap();
    let grace = proxy.pod().termination_grace_period_seconds.unwrap();
    assert!(sleep + drain + 1 < grace, "{sleep} + {drain}, {grace}");
}
