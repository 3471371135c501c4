use super::*;
use crate::workload::Target;

/// `namespace/name`, the second in which it was made, and the flow mapping of its `spec.http`.
fn workloads(all: &[(&str, i64, &str)]) -> Vec<Workload> {
    let one = |&(id, rank, http): &(&str, i64, &str)| {
        let (namespace, name) = id.split_once('/').unwrap();
        let text = format!(
            "{{apiVersion: rouse.dev/v1alpha1, kind: ScaledWorkload, metadata: {{name: {name}, namespace: {namespace}}}, spec: {{http: {{{http}}}}}}}"
        );
        let workload = load(&[(PathBuf::from("a.yaml"), text)], Mode::Cluster)
            .unwrap()
            .remove(0);
        Workload { rank, ..workload }
    };
    all.iter().map(one).collect()
}

fn told(workloads: &[Workload]) -> Vec<String> {
    let text = |conflict: &Conflict| format!("{}: {conflict}", conflict.loser);
    conflicts(workloads).iter().map(text).collect()
}

#[test]
fn the_older_keeps_a_route_whatever_the_order() {
    let mut all = workloads(&[
        (
            "x/young",
            20,
            "routes: [{hosts: [a, c], pathPrefixes: [/v1, /v2]}]",
        ),
        (
            "x/old",
            10,
            "routes: [{hosts: [a, b], pathPrefixes: [/v1]}]",
        ),
        ("a/same-age", 20, "hosts: [d]"),
        ("b/same-age", 20, "hosts: [d]"),
    ]);
    let wanted = [
        "b/same-age: host d, path / belongs to a/same-age, which is older",
        "x/young: host a, path /v1 belongs to x/old, which is older",
    ];
    assert_eq!(told(&all), wanted);
    all.reverse();
    assert_eq!(told(&all), wanted);
}

#[test]
fn routes_that_differ_are_no_conflict() {
    let all = workloads(&[
        ("x/a", 1, "routes: [{hosts: [a], headers: {x-t: blue}}]"),
        (
            "x/b",
            2,
            "routes: [{hosts: [a], headers: {x-t: red}}, {hosts: [a], headers: {x-t: '*'}}]",
        ),
        (
            "x/c",
            3,
            "routes: [{hosts: [a]}, {hosts: ['*.a']}, {pathPrefixes: [/a]}]",
        ),
    ]);
    assert_eq!(told(&all), [""; 0]);
}

#[test]
fn headers_are_the_same_in_any_order() {
    let all = workloads(&[
        ("x/a", 1, "routes: [{headers: {x-t: '*', x-s: '1'}}]"),
        ("x/b", 2, "routes: [{headers: {X-S: '1', X-T: '*'}}]"),
    ]);
    let wanted = "x/b: host *, path /, header x-s: 1, header x-t: * belongs to x/a, which is older";
    assert_eq!(told(&all), [wanted]);
}

#[test]
fn a_target_belongs_to_the_older_of_its_namespace() {
    let named = |name: &str, rank, id: &str| {
        let mut workload = workloads(&[(id, rank, "hosts: [h]")]).remove(0);
        workload.http = None;
        let Target::Scalable(target) = &mut workload.target else {
            panic!("{:?}", workload.target)
        };
        name.clone_into(&mut target.name);
        workload
    };
    let all = [
        named("t", 2, "x/young"),
        named("t", 1, "x/old"),
        named("t", 0, "y/other"),
        named("u", 0, "x/u"),
    ];
    assert_eq!(
        told(&all),
        ["x/young: Deployment t belongs to x/old, which is older"]
    );
}
