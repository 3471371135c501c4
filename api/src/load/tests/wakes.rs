use super::*;
use crate::workload::Scale;

/// Documents by name, each with whom it wakes; those with a star have HTTP.
fn documents(all: &[(&str, &str)]) -> String {
    let document = |(name, wakes): &(&str, &str)| {
        let (name, http) = match name.strip_suffix('*') {
            Some(name) => (name, format!("http: {{hosts: [{name}]}}")),
            None => (*name, "idleAfter: 1m".to_owned()),
        };
        with_spec(&format!("{http}\nwakes: [{wakes}]"))
            .replace("{name: a}", &format!("{{name: {name}}}"))
    };
    all.iter().map(document).collect::<Vec<_>>().join("---\n")
}

fn refused(all: &[(&str, &str)]) -> Vec<String> {
    load_one(&documents(all)).unwrap_err()
}

#[test]
fn who_is_woken_needs_nothing_else() {
    let workloads = load_one(&documents(&[
        ("web*", "db, cache"),
        ("db", "disk"),
        ("cache", ""),
        ("disk", ""),
    ]))
    .unwrap();
    let of = |name: &str| WorkloadId::new("default", name);
    assert_eq!(workloads[0].wakes, [of("db"), of("cache")]);
    let all = wakes(&workloads);
    assert_eq!(all.problems, []);
    assert_eq!(all.wakes[&of("db")], [of("disk")]);
    assert_eq!(
        refused(&[("web*", "db"), ("db", ""), ("disk", "")]),
        [
            "a.yaml:20: spec.replicas.min: is 0 (the default), but there is neither http nor a trigger nor a workload that wakes this one: it would never run; add one of them, or write min: 1"
        ]
    );
}

#[test]
fn itself_twice_and_nobody_are_refused() {
    assert_eq!(
        refused(&[("web*", "web, db, db, nobody"), ("db", "")]),
        [
            "a.yaml:7: spec.wakes[0]: is the workload itself; leave it out",
            "a.yaml:7: spec.wakes[2]: is there twice; leave one out",
            "a.yaml:7: spec.wakes[3]: is default/nobody, which is not there; write the name of a workload of this namespace",
        ]
    );
}

#[test]
fn a_circle_is_refused_where_it_closes() {
    assert_eq!(
        refused(&[("a*", "b"), ("b*", "c, d"), ("c*", "a"), ("d*", "")]),
        [
            "a.yaml:23: spec.wakes[0]: is default/a, which wakes default/c in turn: neither could ever sleep; leave one of them out"
        ]
    );
    // Two ways to one are no circle.
    assert!(
        load_one(&documents(&[
            ("a*", "b, c"),
            ("b", "d"),
            ("c", "d"),
            ("d", "")
        ]))
        .is_ok()
    );
}

fn workload(name: &str, wakes: &[&str]) -> Workload {
    let text = documents(&[("a*", "")]);
    let id = |name: &str| WorkloadId::new("default", name);
    Workload {
        id: id(name),
        wakes: wakes.iter().map(|name| id(name)).collect(),
        ..load_one(&text).unwrap().remove(0)
    }
}

#[test]
fn in_a_cluster_what_cannot_be_is_left_out_and_told() {
    let mut never = workload("never", &[]);
    (never.http, never.scale) = (None, Scale::default());
    let all = wakes(&[
        workload("a", &["b", "gone"]),
        workload("b", &["a", "c"]),
        workload("c", &["b"]),
        never,
    ]);
    let told: Vec<_> = all
        .problems
        .iter()
        .map(|problem| format!("{}: {problem}", problem.of()))
        .collect();
    assert_eq!(
        told,
        [
            "default/a: wakes default/gone, which is not there: it is passed over",
            "default/b: wakes default/a, which wakes default/b in turn: neither could ever sleep, so this is passed over",
            "default/c: wakes default/b, which wakes default/c in turn: neither could ever sleep, so this is passed over",
            "default/never: there is neither http nor a trigger nor a workload that wakes this one: it never runs; add one of them, or write min: 1",
        ]
    );
    let id = |name: &str| WorkloadId::new("default", name);
    assert_eq!(all.wakes.get(&id("a")), Some(&vec![id("b")]));
    assert_eq!(all.wakes.get(&id("b")), Some(&vec![id("c")]));
    assert_eq!(all.wakes.get(&id("c")), None);
}

#[test]
fn a_chain_as_long_as_there_are_workloads() {
    let name = |i: usize| format!("w{i}");
    let template = workload("a", &[]);
    let count = 20_000;
    let all: Vec<_> = (0..count)
        .map(|i| Workload {
            id: WorkloadId::new("default", &name(i)),
            wakes: vec![WorkloadId::new("default", &name((i + 1) % count))],
            ..template.clone()
        })
        .collect();
    let wakes = wakes(&all);
    assert_eq!(wakes.problems.len(), 1, "{:?}", wakes.problems);
    assert_eq!(wakes.wakes.len(), count - 1);
}
