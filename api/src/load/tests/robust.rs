use proptest::prelude::*;

use super::*;
use crate::load::{decode, read};

/// The whole schema, as the design shows it.
const COMPLETE: &str = r#"
apiVersion: rouse.dev/v1alpha1
kind: ScaledWorkload
metadata: {name: hello}
spec:
  mode: active
  target: {name: hello}
  replicas: {min: 0, max: 10, onWake: 1, initial: 1}
  idleAfter: 300s
  sleep: {light: {cpu: 5m, memory: 16Mi}, deepAfter: 24h}
  onDelete: wake
  verifyChanges: true
  http:
    hosts: [hello.example.com, "*.hello.example.com"]
    routes:
    - {hosts: [api.example.com], pathPrefixes: [/v1], headers: {x-tenant: blue}}
    service: {name: hello, port: http}
    protocol: auto
    concurrency: {perReplica: 50, limit: 100}
    requestRate: {perReplica: 200}
    hold: {timeout: 55s, maxRequests: 200, maxBytes: 16Mi}
    timeouts: {connect: 1s, responseHeader: 300s, idle: 300s}
    readiness: auto
    upstream: {dial: pod, tls: none}
    whileWaking: hold
    rules:
    - match: {pathPrefixes: [/healthz], userAgents: ["ELB-HealthChecker/*"]}
      action: {respond: {status: 200}}
    - match: {methods: [GET], headers: {x-a: "*"}, sourceAddresses: [10.0.0.0/8]}
      action: {noWake: {respond: {status: 200}}}
    - match: {}
      action: {wake: {}}
    wakeRequires: {headers: [authorization], status: 403}
  behavior: {stableWindow: 60s, panicWindow: 6s, panicThreshold: 200, scaleDownDelay: 0s, maxScaleUpRate: 1000, maxScaleDownRate: 2, utilization: 70, scaleIn: gradual}
  triggers:
  - prometheus: {serverAddress: http://prometheus:9090, query: 'sum(rate(x[2m]))', perReplica: 12, activation: 0}
  - cron: {timezone: Asia/Tokyo, start: "0 8 * * 1-5", end: "0 20 * * 1-5", replicas: 2}
  - sqs: {queueURL: "https://sqs.ap-northeast-1.amazonaws.com/123456789012/orders", region: ap-northeast-1, perReplica: 5}
  wakes: [db-proxy]
"#;

fn decoded(text: &str) -> Vec<ScaledWorkload> {
    let (documents, unread) = read::read("a.yaml".as_ref(), text);
    assert_eq!(unread, []);
    documents
        .into_iter()
        .map(|mut document| {
            let resource = decode::decode(&mut document);
            assert_eq!(document.problems, []);
            resource.unwrap()
        })
        .collect()
}

#[test]
fn the_complete_schema_is_read_and_written() {
    let resources = decoded(COMPLETE);
    let written = serde_json::to_string_pretty(&resources[0]).unwrap();
    // JSON is YAML.
    assert_eq!(decoded(&written), resources);
    for waking in [
        "page",
        "{fallback: {service: {name: b, port: 80}}}",
        "{respond: {status: 503, body: x}}",
    ] {
        let other = COMPLETE.replace("whileWaking: hold", &format!("whileWaking: {waking}"));
        let other = other.replace("tls: none", "tls: {ca: /ca.pem, serverName: x}");
        let resources = decoded(&other);
        let written = serde_json::to_string(&resources[0]).unwrap();
        assert_eq!(decoded(&written), resources);
    }
}

#[test]
fn the_complete_schema_is_refused_only_for_what_comes_later() {
    // Written together in the design to show both forms.
    let text = COMPLETE.replace(
        "    hosts: [hello.example.com, \"*.hello.example.com\"]\n",
        "",
    );
    let problems = load_one(&text).unwrap_err();
    let (later, other): (Vec<_>, Vec<_>) = problems
        .iter()
        .partition(|problem| problem.contains("not supported by this version"));
    let of = |problems: &[&String]| -> Vec<String> {
        problems
            .iter()
            .map(|p| p.split(": ").nth(1).unwrap().to_owned())
            .collect()
    };
    assert_eq!(of(&other), ["spec.target.process", "spec.wakes[0]"]);
    let wanted = [
        "spec.target.name",
        "spec.sleep",
        "spec.onDelete",
        "spec.verifyChanges",
        "spec.http.service",
    ];
    assert_eq!(of(&later), wanted);
}

/// Pieces that YAML and the schema give a meaning to.
fn pieces() -> impl Strategy<Value = String> {
    let words = [
        "apiVersion: rouse.dev/v1alpha1",
        "kind: ScaledWorkload",
        "metadata:",
        "name: a",
        "spec:",
        "http:",
        "hosts:",
        "[",
        "]",
        "{",
        "}",
        ",",
        "- ",
        "? ",
        ": ",
        ":",
        "\n",
        "\n  ",
        "\n    ",
        "\n\t",
        " ",
        "&a ",
        "*a",
        "*b",
        "!x ",
        "!!int ",
        "!!str",
        "'",
        "\"",
        "|",
        ">-",
        "|+2\n",
        "%YAML 1.2\n",
        "%TAG ! x\n",
        "---",
        "...",
        "\n---\n",
        "#",
        "~",
        "null",
        "1e999",
        "-0",
        ".nan",
        "0x",
        "0xff",
        "0o7",
        "+5",
        "1_0",
        "<<: *a",
        "é",
        "\u{feff}",
        "\r",
        "\u{0}",
        "\\x",
        "\\u0041",
        "\u{2028}",
        "@",
        "`",
        "%",
        "replicas: {min: 5, max: 3}",
        "x",
        "idleAfter: 5s",
    ];
    let piece = prop_oneof![6 => proptest::sample::select(words.to_vec()).prop_map(str::to_owned), 1 => any::<String>()];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in pieces()) {
        let _ = load_one(&text);
    }

    #[test]
    fn no_damage_makes_it_panic(at in 0..COMPLETE.len(), length in 0..200_usize, instead in pieces()) {
        let end = (at + length).min(COMPLETE.len());
        let mut text = COMPLETE.to_owned();
        text.replace_range(at..end, &instead);
        let problems = load_one(&text).unwrap_err();
        prop_assert!(!problems.is_empty());
    }
}
