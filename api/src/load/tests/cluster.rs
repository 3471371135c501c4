//! What runs in a cluster: as files, and as objects of an API server. The objects of `tests/objects` are for an API server with the
//! definition, too: it must take and refuse the same, and a refusal must have the same words.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use super::*;
use crate::workload::{
    Dial, Front, HostPattern, Http, OnDelete, Protocol, Readiness, Scalable, Service, ServicePort,
    Target,
};

fn objects(folder: &str) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/objects")
        .join(folder);
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files
        .map(|file| (file.clone(), fs::read_to_string(&file).unwrap()))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

/// The object of a file as an API server sends it.
fn sent(text: &str) -> Json {
    let mut object = json_of_yaml(text);
    let metadata = object["metadata"].as_object_mut().unwrap();
    let added = json!({
        "namespace": "team",
        "uid": "0b0e1c9e-4a58-4c5b-9d0c-2a7d3a1f6f0d",
        "resourceVersion": "12345",
        "generation": 3,
        "creationTimestamp": "2026-01-31T09:30:00Z",
        "deletionTimestamp": null,
        "finalizers": ["rouse.dev/target"],
        "labels": {"app": "a"},
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
        "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "y", "controller": true}],
        "managedFields": [{"manager": "kubectl", "operation": "Apply", "fieldsV1": {"f:spec": {".": {}}}}],
    });
    metadata.extend(added.as_object().unwrap().clone());
    object["status"] = json!({"state": "Newer", "conditions": [{"unknown": 1}]});
    object
}

/// Problems of the text as an object, which must be those of the text as a file but for the line.
fn problems_of(text: &str) -> Vec<String> {
    let files = [(PathBuf::from("a.yaml"), text.to_owned())];
    let without_line = |problem: &Problem| {
        let text = problem.to_string();
        text.strip_prefix(&format!("a.yaml:{}: ", problem.line))
            .unwrap()
            .to_owned()
    };
    let problems = load(&files, Mode::Cluster).err().unwrap_or_default();
    let mut of_file: Vec<_> = problems.iter().map(without_line).collect();
    // This is between objects.
    of_file.retain(|problem| {
        !problem.contains("which is not there") && !problem.contains("it would never run")
    });
    let problems = object(&sent(text)).err().unwrap_or_default();
    let of_object: Vec<_> = problems.iter().map(ToString::to_string).collect();
    let mut sorted = of_object.clone();
    of_file.sort();
    sorted.sort();
    assert_eq!(sorted, of_file, "{text}");
    of_object
}

fn loaded(spec: &str) -> Workload {
    let text = format!(
        "{{apiVersion: rouse.dev/v1alpha1, kind: ScaledWorkload, metadata: {{name: a}}, spec: {{{spec}}}}}"
    );
    object(&sent(&text)).unwrap_or_else(|problems| panic!("{spec}: {problems:?}"))
}

fn http_of(spec: &str) -> Http {
    loaded(&format!("http: {{hosts: [a.example.com], {spec}}}"))
        .http
        .unwrap()
}

#[test]
fn good_objects_are_taken() {
    for (file, text) in objects("good") {
        let problems = problems_of(&text);
        assert!(problems.is_empty(), "{}: {problems:?}", file.display());
    }
}

#[test]
fn bad_objects_are_refused_with_their_cause() {
    for (file, text) in objects("bad") {
        let first = text.lines().next().unwrap();
        let wanted = first.strip_prefix("# refused: ").unwrap();
        let problems = problems_of(&text);
        let told = problems.iter().any(|problem| problem.contains(wanted));
        assert!(told, "{}: {problems:?}", file.display());
        for problem in &problems {
            let at_field = problem.starts_with("spec.") || problem.starts_with("metadata.");
            assert!(at_field, "{}: {problem}", file.display());
        }
    }
}

#[test]
fn the_simplest_object_has_every_default() {
    let workload = loaded("http: {hosts: [a.example.com]}");
    assert_eq!(workload.id.as_str(), "team/a");
    // date -d 2026-01-31T09:30:00Z +%s
    assert_eq!(workload.rank, 1_769_851_800);
    assert_eq!(workload.scale, crate::workload::Scale::default());
    let target = Scalable {
        api_version: "apps/v1".to_owned(),
        kind: "Deployment".to_owned(),
        name: "a".to_owned(),
    };
    assert_eq!(workload.target, Target::Scalable(target));
    let http = workload.http.unwrap();
    let service = Service {
        name: "a".to_owned(),
        port: None,
    };
    assert_eq!(http.service, Some(service));
    assert_eq!(http.protocol, Protocol::Auto);
    assert_eq!(http.readiness, Readiness::Auto);
    assert_eq!(http.dial, Dial::Pod);
    assert_eq!(
        http.routes[0].hosts,
        [HostPattern::Exact("a.example.com".to_owned())]
    );
}

#[test]
fn what_a_cluster_adds_arrives() {
    let service = |port| {
        Some(Service {
            name: "s".to_owned(),
            port: Some(port),
        })
    };
    let named = http_of(
        "service: {name: s, port: web}, protocol: h2c, readiness: kubelet, upstream: {dial: service}",
    );
    assert_eq!(named.service, service(ServicePort::Name("web".to_owned())));
    assert_eq!(
        (named.protocol, named.readiness, named.dial),
        (Protocol::H2c, Readiness::Kubelet, Dial::Service)
    );
    let numbered = http_of("service: {name: s, port: 80}, protocol: http1");
    assert_eq!(numbered.service, service(ServicePort::Number(80)));
    assert_eq!(numbered.protocol, Protocol::Http1);
    for (word, wanted) in [
        ("wake", OnDelete::Wake),
        ("keep", OnDelete::Keep),
        ("restore", OnDelete::Restore),
    ] {
        let workload = loaded(&format!("http: {{hosts: [a]}}, onDelete: {word}"));
        assert_eq!(workload.scale.on_delete, wanted);
    }
    let target = loaded(
        "http: {hosts: [a]}, target: {apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: r}",
    )
    .target;
    let wanted = Scalable {
        api_version: "argoproj.io/v1alpha1".to_owned(),
        kind: "Rollout".to_owned(),
        name: "r".to_owned(),
    };
    assert_eq!(target, Target::Scalable(wanted));
}

#[test]
fn what_an_api_server_leaves_out_is_no_mistake() {
    let spec = json!({"http": {"hosts": ["a"], "service": null}, "idleAfter": null});
    let workload = object(&json!({"metadata": {"name": "a"}, "spec": spec})).unwrap();
    assert_eq!(
        (workload.id.as_str(), workload.rank),
        ("default/a", i64::MAX)
    );
}

#[test]
fn whatever_comes_is_told_and_nothing_panics() {
    let refused = |object: Json| {
        let problems = super::super::object(&object).unwrap_err();
        problems
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    };
    let with = |spec: Json| json!({"metadata": {"name": "a"}, "spec": spec});
    assert!(refused(json!({})).contains("metadata.name: is missing"));
    assert!(!refused(json!(null)).is_empty());
    assert!(!refused(json!([1])).is_empty());
    assert!(!refused(json!({"metadata": 1, "spec": 1})).is_empty());
    let unknown = refused(with(json!({"idelAfter": "5m", "http": {"hosts": ["a"]}})));
    assert_eq!(unknown.lines().count(), 1, "{unknown}");
    assert!(
        unknown.starts_with("spec.idelAfter: is not a field here; did you mean idleAfter?"),
        "{unknown}"
    );
    let null = refused(with(json!({"http": {"hosts": ["a", null]}})));
    assert!(null.starts_with("spec.http.hosts[1]: is empty; "), "{null}");
    let kind = refused(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}));
    assert!(
        kind.contains("kind: is \"Pod\"; this version reads \"ScaledWorkload\" only"),
        "{kind}"
    );
    let twice = refused(with(json!({"http": {"hosts": ["a", "b", "A"]}})));
    let wanted = "spec.http.hosts[2]: takes host a, path /, which is a route of default/a (spec.http.hosts[0]) already; a route belongs to one workload";
    assert_eq!(twice, wanted);
}

#[test]
fn a_file_for_a_cluster_has_one_workload_per_target() {
    let document = |name: &str, target: &str| {
        format!(
            "apiVersion: rouse.dev/v1alpha1\nkind: ScaledWorkload\nmetadata: {{name: {name}}}\nspec:\n  replicas: {{min: 1}}\n  target: {{{target}}}\n---\n"
        )
    };
    let files = |text: String| load(&[(PathBuf::from("a.yaml"), text)], Mode::Cluster);
    let workloads = files(
        document("a", "") + &document("b", "kind: StatefulSet, name: a") + &document("c", ""),
    )
    .unwrap();
    let ranks: Vec<_> = workloads
        .iter()
        .map(|workload| (workload.id.name(), workload.rank))
        .collect();
    assert_eq!(ranks, [("a", 0), ("b", 1), ("c", 2)]);
    let problems = files(document("a", "") + &document("b", "name: a")).unwrap_err();
    let wanted = "a.yaml:13: spec.target.name: is the target of default/a (a.yaml:6) already; one workload scales it";
    assert_eq!(
        problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [wanted]
    );
}

#[test]
fn lists_are_bounded() {
    let many = |what: &str, count: usize| vec![what; count].join(", ");
    let refused = |http: &str| {
        let text = with_spec(&format!("http: {{{http}}}"));
        load_one(&text)
            .unwrap_err()
            .into_iter()
            .map(|problem| problem.split_once(": ").unwrap().1.to_owned())
            .collect::<Vec<_>>()
    };
    let most = resolve::MOST_ROUTES;
    let routes: Vec<_> = (0..=most).map(|i| format!("{{hosts: [h{i}]}}")).collect();
    let wanted = format!(
        "spec.http.routes: has {} entries; {most} are the most",
        most + 1
    );
    assert_eq!(
        refused(&format!("routes: [{}]", routes.join(", "))),
        [wanted]
    );
    let most = resolve::LARGEST_ROUTE;
    let wanted = format!(
        "spec.http.hosts: has {} entries; {most} are the most",
        most + 1
    );
    assert_eq!(
        refused(&format!("hosts: [{}]", many("a", most + 1))),
        [wanted]
    );
    let wanted =
        format!("spec.http.routes[0]: has more than {most} pairs of host and path; divide it");
    assert_eq!(
        refused(&format!("routes: [{{hosts: [{}]}}]", many("a", most + 1))),
        [wanted]
    );
    let most = super::resolve::MOST_RULES;
    let rules = many("{match: {}, action: {noWake: {}}}", most + 1);
    let problems = refused(&format!("hosts: [a], rules: [{rules}]"));
    assert!(
        problems.contains(&format!(
            "spec.http.rules: has {} entries; {most} are the most",
            most + 1
        )),
        "{problems:?}"
    );
}

#[test]
fn what_is_done_with_requests_before_they_are_demand() {
    use crate::workload::{Respond, RuleAction, WakeRequires, WhileWaking};
    let plain = http_of("protocol: auto");
    assert_eq!(
        (plain.rules.len(), plain.wake_requires, plain.while_waking),
        (0, None, WhileWaking::Hold)
    );
    let http = http_of(
        "rules: [{match: {userAgents: [a*], sourceAddresses: [10.1.2.3/8, 192.0.2.1]}, action: {respond: {status: 200, headers: {X-A: b}}}}, {match: {}, action: {noWake: {}}}], \
         wakeRequires: {headers: [Authorization, authorization, X-Team]}, whileWaking: {fallback: {service: {name: b, port: 80}}}",
    );
    let networks: Vec<_> = http.rules[0]
        .matches
        .source_addresses
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(networks, ["10.0.0.0/8", "192.0.2.1/32"]);
    let answer = Respond {
        status: 200,
        headers: vec![("x-a".to_owned(), "b".to_owned())],
        body: String::new(),
    };
    assert_eq!(http.rules[0].action, RuleAction::Respond(answer));
    assert_eq!(http.rules[1].action, RuleAction::NoWake(None));
    let requires = WakeRequires {
        headers: vec!["authorization".to_owned(), "x-team".to_owned()],
        status: 401,
    };
    assert_eq!(http.wake_requires, Some(requires));
    let service = Service {
        name: "b".to_owned(),
        port: Some(ServicePort::Number(80)),
    };
    assert_eq!(http.while_waking, WhileWaking::Fallback(service));
}

#[test]
fn tls_towards_replicas() {
    use crate::workload::{Tls, TlsFiles};
    assert_eq!(http_of("upstream: {tls: none}").tls, Tls::None);
    assert_eq!(http_of("upstream: {tls: mesh}").tls, Tls::Mesh);
    let files = |text: &str| match http_of(&format!("upstream: {{tls: {text}}}")).tls {
        Tls::Files(files) => files,
        other => panic!("{other:?}"),
    };
    let plain = TlsFiles {
        ca: "ca.crt".to_owned(),
        client: None,
        server_name: "a.team.svc".to_owned(),
    };
    assert_eq!(files("{ca: ca.crt}"), plain);
    let own = files("{ca: ca.crt, cert: x/tls.crt, key: x/tls.key, serverName: b}");
    assert_eq!(
        own.client,
        Some(("x/tls.crt".to_owned(), "x/tls.key".to_owned()))
    );
    assert_eq!(own.server_name, "b");
    for (http, wanted) in [
        (
            "upstream: {tls: mesh, dial: service}",
            "checks each pod's own identity",
        ),
        (
            "upstream: {tls: mesh}, whileWaking: {fallback: {service: {name: b}}}",
            "dialled in plain text",
        ),
    ] {
        let text = format!(
            "{{apiVersion: rouse.dev/v1alpha1, kind: ScaledWorkload, metadata: {{name: a}}, spec: {{http: {{hosts: [a], {http}}}}}}}"
        );
        let problems = problems_of(&text);
        assert!(
            problems.len() == 1 && problems[0].contains(wanted),
            "{problems:?}"
        );
    }
}

#[test]
fn a_front_is_another_service_than_the_pods() {
    let http = loaded("http: {service: {name: a-pods}, front: {service: a, port: 80}}").http;
    let http = http.unwrap();
    assert!(http.routes.is_empty(), "no host is needed");
    let front = Front {
        service: Service {
            name: "a".to_owned(),
            port: Some(ServicePort::Number(80)),
        },
        listen: None,
    };
    assert_eq!(http.front, Some(front));
    // The object's own name is that of its Service, unless said.
    let object = |spec: &str| {
        format!(
            "{{apiVersion: rouse.dev/v1alpha1, kind: ScaledWorkload, metadata: {{name: a}}, spec: {{{spec}}}}}"
        )
    };
    for (spec, wanted) in [
        (
            "http: {front: {service: a}}",
            "is a, which is in front of the pods",
        ),
        (
            "http: {service: {name: b}, front: {service: a}, whileWaking: {fallback: {service: {name: a}}}}",
            "which is also whileWaking.fallback",
        ),
    ] {
        let problems = problems_of(&object(spec));
        let told = problems.iter().any(|problem| {
            problem.starts_with("spec.http.front.service") && problem.contains(wanted)
        });
        assert!(told, "{problems:?}");
    }
}
