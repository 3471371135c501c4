use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use super::*;
use crate::workload::{
    HeaderMatch, Hold, HostPattern, PathPrefix, Probe, ProbeAction, Process, Protocol, Route,
    Scale, Target, Timeouts,
};

fn one(text: &str) -> Workload {
    let mut workloads = load_one(text).unwrap();
    assert_eq!(workloads.len(), 1);
    workloads.remove(0)
}

fn process_of(workload: &Workload) -> &Process {
    let Target::Process(process) = &workload.target else {
        panic!("{:?} is no process", workload.target)
    };
    process
}

#[test]
fn the_simplest_form_has_every_default() {
    let workload = one(&with_http(""));
    assert_eq!(workload.id.as_str(), "default/a");
    assert_eq!(workload.scale, Scale::default());
    let http = workload.http.as_ref().unwrap();
    let route = Route {
        hosts: vec![HostPattern::Exact("a.example.com".to_owned())],
        path_prefixes: vec![],
        headers: vec![],
    };
    assert_eq!(http.routes, [route]);
    assert_eq!(http.protocol, Protocol::Http1);
    assert_eq!(http.concurrency_per_replica, Some(100.0));
    assert_eq!(
        (http.concurrency_limit, http.request_rate_per_replica),
        (None, None)
    );
    assert_eq!(http.hold, Hold::default());
    assert_eq!(http.timeouts, Timeouts::default());
    let wanted = Process {
        command: vec!["serve".to_owned()],
        env: BTreeMap::new(),
        working_dir: None,
        readiness: None,
        listens: true,
        termination_grace_period: Duration::from_secs(30),
    };
    assert_eq!(*process_of(&workload), wanted);
}

#[test]
fn every_supported_field_arrives() {
    let text = "
apiVersion: rouse.dev/v1alpha1
kind: ScaledWorkload
metadata:
  name: a
  namespace: team
  labels: {app.example.com/part: x}
spec:
  mode: active
  verifyChanges: false
  replicas: {min: 1, max: 3, onWake: 2}
  idleAfter: 1m
  target:
    process:
      command: [serve, --fast]
      env: {LEVEL: '3', EMPTY: \"\"}
      workingDir: here
      terminationGracePeriod: 5s
      readinessProbe:
        httpGet: {path: '/ready?x=1', port: 81, httpHeaders: [{name: Host, value: h}]}
        initialDelaySeconds: 5
        timeoutSeconds: 2
        periodSeconds: 3
        successThreshold: 4
        failureThreshold: 5
  http:
    routes:
    - hosts: [API.example.com, '*.example.com']
      pathPrefixes: [/v1/, /]
      headers: {X-Tenant: blue, x-any: '*'}
    - pathPrefixes: [/only]
    protocol: h2c
    concurrency: {perReplica: 2.5, limit: 4}
    requestRate: {perReplica: 200}
    hold: {timeout: 10s, maxRequests: 5, maxBytes: 1Mi}
    timeouts: {connect: 250ms, responseHeader: 1h, idle: 0s}
    readiness: auto
    upstream: {dial: pod, tls: none}
    whileWaking: hold
";
    let workload = load_files(&[("conf/a.yaml", text)]).unwrap().remove(0);
    assert_eq!(workload.id.as_str(), "team/a");
    let scale = Scale {
        min: 1,
        max: 3,
        on_wake: 2,
        idle_after: Duration::from_secs(60),
        ..Scale::default()
    };
    assert_eq!(workload.scale, scale);
    let process = process_of(&workload);
    assert_eq!(process.command, ["serve", "--fast"]);
    assert_eq!(process.env["LEVEL"], "3");
    assert_eq!(process.env["EMPTY"], "");
    assert_eq!(process.working_dir, Some(PathBuf::from("conf/here")));
    assert_eq!(process.termination_grace_period, Duration::from_secs(5));
    let probe = Probe {
        action: ProbeAction::HttpGet {
            path: "/ready?x=1".to_owned(),
            headers: vec![("Host".to_owned(), "h".to_owned())],
            port: Some(81),
        },
        timeout: Duration::from_secs(2),
        period: Duration::from_secs(3),
        success_threshold: 4,
        failure_threshold: 5,
    };
    assert_eq!(process.readiness, Some(probe));
    let http = workload.http.unwrap();
    let path = |text| PathPrefix::parse(text).unwrap();
    let routes = [
        Route {
            hosts: vec![
                HostPattern::Exact("api.example.com".to_owned()),
                HostPattern::Wildcard("example.com".to_owned()),
            ],
            path_prefixes: vec![path("/v1"), path("/")],
            headers: vec![
                ("x-tenant".to_owned(), HeaderMatch::Exact("blue".to_owned())),
                ("x-any".to_owned(), HeaderMatch::Present),
            ],
        },
        Route {
            hosts: vec![],
            path_prefixes: vec![path("/only")],
            headers: vec![],
        },
    ];
    assert_eq!(http.routes, routes);
    assert_eq!(http.protocol, Protocol::H2c);
    assert_eq!(http.concurrency_per_replica, Some(2.5));
    assert_eq!(http.concurrency_limit, NonZeroU32::new(4));
    assert_eq!(http.request_rate_per_replica, Some(200.0));
    let hold = Hold {
        timeout: Duration::from_secs(10),
        max_requests: 5,
        max_bytes: 1 << 20,
    };
    assert_eq!(http.hold, hold);
    let timeouts = Timeouts {
        connect: Duration::from_millis(250),
        response_header: Duration::from_secs(3600),
        idle: Duration::ZERO,
    };
    assert_eq!(http.timeouts, timeouts);
}

#[test]
fn what_to_scale_for_follows_from_what_is_written() {
    let scaled_for = |http: &str| one(&with_http(http)).http.unwrap().concurrency_per_replica;
    assert_eq!(scaled_for("concurrency: {limit: 10}"), Some(7.0));
    assert_eq!(
        scaled_for("concurrency: {perReplica: 10, limit: 10}"),
        Some(10.0)
    );
    assert_eq!(scaled_for("requestRate: {perReplica: 5}"), None);
    assert_eq!(
        scaled_for("requestRate: {perReplica: 5}\nconcurrency: {limit: 1}"),
        Some(0.7)
    );
    assert_eq!(scaled_for("concurrency: {}"), Some(100.0));
}

#[test]
fn probes_have_kubernetes_defaults() {
    let probe = |action: &str| {
        let text = with_process(&format!("command: [x], readinessProbe: {{{action}}}"));
        process_of(&one(&text)).readiness.clone().unwrap()
    };
    let get = probe("httpGet: {}");
    let action = ProbeAction::HttpGet {
        path: "/".to_owned(),
        headers: vec![],
        port: None,
    };
    assert_eq!(get.action, action);
    assert_eq!(
        (get.timeout, get.period),
        (Duration::from_secs(1), Duration::from_secs(10))
    );
    assert_eq!((get.success_threshold, get.failure_threshold), (1, 3));
    assert_eq!(
        probe("tcpSocket: {port: 5}").action,
        ProbeAction::TcpSocket { port: Some(5) }
    );
    let action = ProbeAction::Grpc {
        service: "s".to_owned(),
        port: None,
    };
    assert_eq!(probe("grpc: {service: s}").action, action);
    let action = ProbeAction::Exec {
        command: vec!["test".to_owned()],
    };
    assert_eq!(probe("exec: {command: [test]}").action, action);
}

#[test]
fn a_wake_asks_for_min_at_least() {
    let text = with_spec("replicas: {min: 3, max: 5}\nhttp: {hosts: [a]}");
    assert_eq!(one(&text).scale.on_wake, 3);
}

#[test]
fn without_http_it_may_run_always() {
    assert_eq!(one(&with_spec("replicas: {min: 1}")).http, None);
}

#[test]
fn empty_documents_are_skipped() {
    assert_eq!(load_one(""), Ok(vec![]));
    assert_eq!(load_one("# nothing\n"), Ok(vec![]));
    assert_eq!(load_one("---\n---\n# nothing\n---\n"), Ok(vec![]));
    assert_eq!(load_files(&[]), Ok(vec![]));
    let text = format!("---\n---\n{}---\n", with_http(""));
    assert_eq!(load_one(&text).unwrap().len(), 1);
}

#[test]
fn several_documents_and_files_keep_their_order() {
    let named = |name: &str| {
        with_http("")
            .replace("name: a", &format!("name: {name}"))
            .replace("a.example", &format!("{name}.example"))
    };
    let first = format!("{}---\n{}", named("z"), named("y"));
    let workloads = load_files(&[("2.yaml", &first), ("1.yaml", &named("x"))]).unwrap();
    let names: Vec<_> = workloads
        .iter()
        .map(|workload| workload.id.name())
        .collect();
    assert_eq!(names, ["z", "y", "x"]);
}

#[test]
fn anchors_and_aliases_stand_for_their_values() {
    let text = with_process("command: &c [x, y], readinessProbe: {exec: {command: *c}}");
    let action = process_of(&one(&text)).readiness.clone().unwrap().action;
    assert_eq!(
        action,
        ProbeAction::Exec {
            command: vec!["x".to_owned(), "y".to_owned()]
        }
    );
}

#[test]
fn tags_of_text_and_windows_line_ends_are_read() {
    let text = with_process("command: [x], env: {A: !!str 5}").replace('\n', "\r\n");
    assert_eq!(process_of(&one(&text)).env["A"], "5");
}

#[test]
fn the_same_host_may_have_several_paths_or_headers() {
    let text = with_spec(
        "http:
  routes:
  - {hosts: [a], pathPrefixes: [/x, /y]}
  - {hosts: [a], pathPrefixes: [/x], headers: {h: '1'}}
  - {hosts: [a], pathPrefixes: [/x], headers: {h: '2'}}
  - {hosts: [a]}",
    );
    assert_eq!(one(&text).http.unwrap().routes.len(), 4);
}

#[test]
fn behavior_has_its_defaults_and_a_panic_window_of_a_tenth() {
    use crate::workload::Behavior;
    let of = |spec: &str| {
        one(&with_spec(&format!("{spec}\nhttp: {{hosts: [a]}}")))
            .scale
            .behavior
    };
    let default = Behavior::default();
    assert_eq!(default.panic_window, Duration::from_secs(6));
    assert_eq!(of(""), default);
    assert_eq!(of("behavior: {scaleIn: gradual}"), default);
    assert_eq!(
        of("behavior: {stableWindow: 6s}").panic_window,
        Duration::from_secs(1)
    );
    let all = of(
        "behavior: {stableWindow: 30s, panicWindow: 5s, panicThreshold: 150, scaleDownDelay: 1m, maxScaleUpRate: 4, maxScaleDownRate: 1.5, utilization: 70, scaleIn: whenIdle}",
    );
    let wanted = Behavior {
        stable_window: Duration::from_secs(30),
        panic_window: Duration::from_secs(5),
        panic_threshold: 1.5,
        scale_down_delay: Duration::from_secs(60),
        max_scale_up_rate: 4.0,
        max_scale_down_rate: 1.5,
        utilization: 0.7,
        when_idle: true,
    };
    assert_eq!(all, wanted);
}
