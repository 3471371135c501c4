//! What values do to the objects.

use serde_json::{Value, json};

use crate::helm::{deploy, documents, objects, one};

fn container(objects: &[Value], part: &str) -> Value {
    let deployment = one(objects, "Deployment", &format!("rouse-{part}"));
    deployment["spec"]["template"]["spec"]["containers"][0].clone()
}

fn args(objects: &[Value], part: &str) -> Vec<String> {
    let args = container(objects, part)["args"].clone();
    serde_json::from_value(args).unwrap()
}

/// Group, resource and verb of all rules of a role.
fn rights(role: &Value) -> Vec<String> {
    let list = |value: &Value| -> Vec<String> { serde_json::from_value(value.clone()).unwrap() };
    let mut all = Vec::new();
    for rule in role["rules"].as_array().unwrap() {
        for group in list(&rule["apiGroups"]) {
            for resource in list(&rule["resources"]) {
                for verb in list(&rule["verbs"]) {
                    all.push(format!("{verb} {group}/{resource}"));
                }
            }
        }
    }
    all
}

#[test]
fn the_definition_is_the_one_of_the_types_and_stays_at_the_end() {
    let text =
        std::fs::read_to_string(deploy().join("crds/scaledworkloads.rouse.dev.yaml")).unwrap();
    let defined = documents(&text).remove(0);
    let all = objects(&[]);
    let mut rendered = one(
        &all,
        "CustomResourceDefinition",
        "scaledworkloads.rouse.dev",
    )
    .clone();
    let metadata = rendered["metadata"].as_object_mut().unwrap();
    let mut annotations = metadata.remove("annotations").unwrap();
    let kept = annotations
        .as_object_mut()
        .unwrap()
        .remove("helm.sh/resource-policy");
    assert_eq!(kept, Some(json!("keep")));
    if annotations != json!({}) {
        rendered["metadata"]["annotations"] = annotations;
    }
    assert_eq!(rendered, defined);
    let without = objects(&["crds.install=false"]);
    assert!(
        without
            .iter()
            .all(|one| one["kind"] != "CustomResourceDefinition")
    );
}

#[test]
fn named_namespaces_and_kinds_are_all_that_the_scaler_may_touch() {
    let values = [
        "scaler.namespaces={blue,green}",
        "scaler.kinds={deployments}",
        "scaler.customTargets=json:[{\"group\":\"argoproj.io\",\"resource\":\"rollouts\"}]",
    ];
    let all = objects(&values);
    assert!(
        all.iter()
            .all(|one| one["kind"] != "ClusterRole" && one["kind"] != "ClusterRoleBinding")
    );
    for namespace in ["blue", "green"] {
        let role = all.iter().find(|one| {
            one["kind"] == "Role"
                && one["metadata"] == json!({"name": "rouse-workloads", "namespace": namespace})
        });
        let rights = rights(role.unwrap());
        let changes: Vec<_> = rights
            .iter()
            .filter(|right| right.starts_with("patch"))
            .collect();
        assert_eq!(
            changes,
            [
                "patch rouse.dev/scaledworkloads/status",
                "patch apps/deployments/scale",
                "patch argoproj.io/rollouts/scale"
            ]
        );
    }
    let args = args(&all, "scaler");
    for namespace in ["--namespace=blue", "--namespace=green"] {
        assert!(args.contains(&namespace.to_owned()), "{args:?}");
    }
}

#[test]
fn patching_pods_is_opt_in() {
    let patches = |objects: &[Value]| {
        let roles = objects.iter().filter(|one| one["rules"].is_array());
        roles.flat_map(rights).any(|right| right == "patch /pods")
    };
    assert!(!patches(&objects(&[])));
    assert!(patches(&objects(&["scaler.podDeletionCost=true"])));
    let named = objects(&["scaler.podDeletionCost=true", "scaler.namespaces={blue}"]);
    assert!(patches(&named));
    assert!(named.iter().all(|one| one["kind"] != "ClusterRole"));
}

#[test]
fn the_grace_period_has_room_for_the_drain() {
    let all = objects(&[
        "proxy.drain.preStopSeconds=7",
        "proxy.drain.timeoutSeconds=600",
    ]);
    let pod = &one(&all, "Deployment", "rouse-proxy")["spec"]["template"]["spec"];
    assert_eq!(pod["terminationGracePeriodSeconds"], 617);
    assert_eq!(
        pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"],
        7
    );
    assert!(args(&all, "proxy").contains(&"--drain-timeout=600s".to_owned()));
}

#[test]
fn with_an_autoscaler_nobody_else_says_how_many() {
    let all = objects(&[]);
    assert_eq!(
        one(&all, "Deployment", "rouse-proxy")["spec"]["replicas"],
        2
    );
    assert!(
        all.iter()
            .all(|one| one["kind"] != "HorizontalPodAutoscaler")
    );
    let all = objects(&["proxy.autoscaling.enabled=true"]);
    assert!(one(&all, "Deployment", "rouse-proxy")["spec"]["replicas"].is_null());
    let hpa = one(&all, "HorizontalPodAutoscaler", "rouse-proxy");
    assert_eq!(hpa["spec"]["scaleTargetRef"]["name"], "rouse-proxy");
}

#[test]
fn the_header_gets_a_port_a_service_and_a_guard_of_its_own() {
    let all = objects(&[
        "proxy.workloadHeader.enabled=true",
        "proxy.workloadHeader.peers={10.0.0.0/8,192.0.2.1}",
        "networkPolicy.choosers=json:[{\"podSelector\":{\"matchLabels\":{\"istio\":\"ingressgateway\"}}}]",
    ]);
    let args = args(&all, "proxy");
    for arg in [
        "--header-listen=$(POD_IP):8081",
        "--header-from=10.0.0.0/8",
        "--header-from=192.0.2.1",
    ] {
        assert!(args.contains(&arg.to_owned()), "{args:?}");
    }
    let service = one(&all, "Service", "rouse-proxy-by-header");
    assert_eq!(service["spec"]["ports"][0]["targetPort"], "by-header");
    let policy = one(&all, "NetworkPolicy", "rouse-proxy");
    let rules = policy["spec"]["ingress"].as_array().unwrap();
    let rule = rules
        .iter()
        .find(|rule| rule["ports"][0]["port"] == "by-header")
        .unwrap();
    assert_eq!(
        rule["from"][0]["podSelector"]["matchLabels"]["istio"],
        "ingressgateway"
    );
}

#[test]
fn fronts_get_a_right_a_range_and_a_way_in() {
    let writes = |objects: &[Value]| {
        let roles = objects.iter().filter(|one| one["rules"].is_array());
        let mut rights = roles.flat_map(rights);
        rights.any(|right| right == "create discovery.k8s.io/endpointslices")
    };
    let opened = |objects: &[Value]| {
        let policy = one(objects, "NetworkPolicy", "rouse-proxy");
        let rules = policy["spec"]["ingress"].as_array().unwrap();
        let mut rules = rules.iter();
        let rule = rules.find(|rule| rule["ports"][0]["endPort"].is_number());
        rule.map(|rule| rule["ports"].clone())
    };
    let range = |objects: &[Value]| {
        let mut args = args(objects, "scaler").into_iter();
        args.find(|arg| arg.starts_with("--front-ports"))
    };
    let off = objects(&[]);
    assert!(!writes(&off));
    assert_eq!((range(&off), opened(&off)), (None, None));
    let on = objects(&[
        "scaler.fronts.enabled=true",
        "scaler.fronts.firstPort=20500",
    ]);
    assert!(writes(&on));
    assert_eq!(range(&on), Some("--front-ports=20500-20999".to_owned()));
    let ports = json!([{"port": 20500, "endPort": 20999}]);
    assert_eq!(opened(&on), Some(ports));
    let named = objects(&["scaler.fronts.enabled=true", "scaler.namespaces={blue}"]);
    assert!(writes(&named));
    assert!(named.iter().all(|one| one["kind"] != "ClusterRole"));
}

#[test]
fn images_by_tag_and_by_digest() {
    let image = |values: &[&str]| container(&objects(values), "proxy")["image"].clone();
    assert_eq!(image(&[]), "rouse:0.1.0");
    assert_eq!(
        image(&["image.repository=r.example/rouse", "image.tag=v2"]),
        "r.example/rouse:v2"
    );
    let digest = format!("sha256:{}", "0".repeat(64));
    assert_eq!(
        image(&[&format!("image.digest={digest}")]),
        format!("rouse@{digest}")
    );
}

#[test]
fn hosts_and_a_class_are_given_by_flags() {
    let all = objects(&[
        "scaler.class=blue",
        "scaler.hostGrants.blue[0]=*.blue.test",
        "scaler.hostGrants.blue[1]=blue.test",
    ]);
    let scaler = one(&all, "Deployment", "rouse-scaler");
    let args = &scaler["spec"]["template"]["spec"]["containers"][0]["args"];
    let args = args.as_array().unwrap();
    for flag in ["--class=blue", "--host-grant=blue=*.blue.test,blue.test"] {
        assert!(args.contains(&json!(flag)), "{flag}: {args:?}");
    }
}

/// The Secret that is mounted for the link.
fn link_secret(objects: &[Value], part: &str) -> Value {
    let deployment = one(objects, "Deployment", &format!("rouse-{part}"));
    let volumes = &deployment["spec"]["template"]["spec"]["volumes"];
    volumes[0]["secret"]["secretName"].clone()
}

#[test]
fn certificates_are_made_unless_they_are_ones_own() {
    let secrets = |objects: &[Value]| {
        let rights = rights(one(objects, "Role", "rouse-scaler"));
        rights.iter().any(|right| right.ends_with("/secrets"))
    };
    let made = objects(&[]);
    let made_args = args(&made, "scaler");
    assert!(made_args.contains(&"--link-certificates=$(POD_NAMESPACE)/rouse".to_owned()));
    assert!(made_args.iter().all(|arg| !arg.starts_with("--link-ca=")));
    assert!(link_secret(&made, "scaler").is_null());
    assert_eq!(link_secret(&made, "proxy"), "rouse-proxy-link");
    assert!(secrets(&made));

    let own = objects(&["link.certificates=own"]);
    let own_args = args(&own, "scaler");
    assert!(
        own_args
            .iter()
            .all(|arg| !arg.starts_with("--link-certificates"))
    );
    for flag in ["--link-ca", "--link-cert", "--link-key"] {
        let named =
            |arg: &String| arg.starts_with(&format!("{flag}=/var/run/secrets/rouse.dev/link/"));
        assert!(own_args.iter().any(named), "{own_args:?}");
    }
    assert_eq!(link_secret(&own, "scaler"), "rouse-scaler-link");
    assert_eq!(link_secret(&own, "proxy"), "rouse-proxy-link");
    assert!(!secrets(&own), "the scaler needs no right to any Secret");
    let mount = &container(&own, "scaler")["volumeMounts"][0];
    assert_eq!(mount["mountPath"], "/var/run/secrets/rouse.dev/link");

    let named = objects(&[
        "link.certificates=own",
        "link.scalerSecret=a",
        "link.proxySecret=b",
    ]);
    assert_eq!(link_secret(&named, "scaler"), "a");
    assert_eq!(link_secret(&named, "proxy"), "b");
}

#[test]
fn a_second_installation_shares_nothing_of_the_cluster() {
    let (first, second) = (objects(&[]), objects(&["name=other"]));
    let names = |objects: &[Value]| -> Vec<String> {
        objects
            .iter()
            .filter(|one| one["kind"] != "CustomResourceDefinition")
            .map(|one| format!("{} {}", one["kind"], one["metadata"]["name"]))
            .collect()
    };
    let first = names(&first);
    assert!(names(&second).iter().all(|name| !first.contains(name)));
}
