use super::*;

/// Each text with what its problems must read like, in order: a beginning, and words that must follow.
fn refused(cases: &[(String, &[(&str, &str)])]) {
    for (text, wanted) in cases {
        let problems = load_one(text).expect_err(text);
        let listed = problems.join("\n");
        assert_eq!(problems.len(), wanted.len(), "{text}\n{listed}");
        for (problem, (beginning, words)) in problems.iter().zip(*wanted) {
            let beginning = format!("a.yaml:{beginning}: ");
            assert!(
                problem.starts_with(&beginning),
                "{text}\n{beginning}\n{listed}"
            );
            assert!(problem.contains(words), "{text}\n{words}\n{listed}");
        }
    }
}

fn case<'a>(text: String, wanted: &'a [(&'a str, &'a str)]) -> (String, &'a [(&'a str, &'a str)]) {
    (text, wanted)
}

#[test]
fn names_kinds_and_missing_parts() {
    let whole = with_http("");
    refused(&[
        case(
            whole.replace("v1alpha1", "v2"),
            &[(
                "1: apiVersion",
                "this version reads \"rouse.dev/v1alpha1\" only",
            )],
        ),
        case(
            whole.replace("ScaledWorkload", "ScaledObject"),
            &[(
                "2: kind",
                "is \"ScaledObject\"; this version reads \"ScaledWorkload\" only",
            )],
        ),
        case(
            whole.replace("kind: ScaledWorkload\n", ""),
            &[("1: kind", "is missing; write kind: ScaledWorkload")],
        ),
        case(
            whole.replace("apiVersion: rouse.dev/v1alpha1\n", ""),
            &[("1: apiVersion", "is missing")],
        ),
        case(
            whole.replace("name: a", "name: A_1"),
            &[("3: metadata.name", "\"A_1\" is not a name; write 1 to 63")],
        ),
        case(
            whole.replace("{name: a}", "{namespace: b}"),
            &[("3: metadata.name", "is missing")],
        ),
        case(
            whole.replace("{name: a}", "{name: a, namespace: B}"),
            &[("3: metadata.namespace", "is not a name")],
        ),
        case(
            "apiVersion: rouse.dev/v1alpha1\nkind: ScaledWorkload\n".to_owned(),
            &[
                ("1: metadata.name", "is missing"),
                ("1: spec", "is missing"),
            ],
        ),
        case(
            "{}".to_owned(),
            &[
                ("1: apiVersion", ""),
                ("1: kind", ""),
                ("1: metadata.name", ""),
                ("1: spec", ""),
            ],
        ),
        case(
            "just text".to_owned(),
            &[(
                "1",
                "is the text \"just text\"; a mapping (field: value) is wanted",
            )],
        ),
    ]);
}

#[test]
fn fields_that_are_not_there() {
    refused(&[
        case(
            with_spec("idelAfter: 5s\nhttp: {hosts: [a]}"),
            &[(
                "6: spec.idelAfter",
                "is not a field here; did you mean idleAfter?; fields here: class, mode, target",
            )],
        ),
        case(
            with_http("host: [x]"),
            &[("8: spec.http.host", "did you mean hosts?")],
        ),
        case(
            with_http("qqqqqqqqqq:\n  x: 1"),
            &[(
                "8: spec.http.qqqqqqqqqq",
                "is not a field here; fields here: hosts, routes",
            )],
        ),
        case(
            with_http("tls`, expected `x`: 1"),
            &[(
                "8: spec.http[\"tls`, expected `x`\"]",
                "is not a field here",
            )],
        ),
    ]);
}

#[test]
fn values_of_the_wrong_type() {
    refused(&[
        case(
            with_spec("replicas: {max: '3'}\nhttp: {hosts: [a]}"),
            &[(
                "6: spec.replicas.max",
                "is the text \"3\"; a whole number from 1 to 4294967295 is wanted; write it without quotes",
            )],
        ),
        case(
            with_spec("replicas: {min: -1}\nhttp: {hosts: [a]}"),
            &[("6: spec.replicas.min", "is -1; a whole number from 0")],
        ),
        case(
            with_spec("replicas: {min: 1.5}\nhttp: {hosts: [a]}"),
            &[("6: spec.replicas.min", "is 1.5; a whole number")],
        ),
        case(
            with_spec("replicas: [1]\nhttp: {hosts: [a]}"),
            &[(
                "6: spec.replicas",
                "is a list; a mapping (field: value) is wanted",
            )],
        ),
        case(
            with_spec("verifyChanges: yes\nhttp: {hosts: [a]}"),
            &[(
                "6: spec.verifyChanges",
                "is the text \"yes\"; true or false is wanted",
            )],
        ),
        case(
            with_spec("idleAfter: 300\nhttp: {hosts: [a]}"),
            &[(
                "6: spec.idleAfter",
                "is 300; a duration such as 250ms, 60s, 5m or 1h30m, at most 8760h is wanted; with its unit, e.g. 300s",
            )],
        ),
        case(
            with_spec("idleAfter: 5 min\nhttp: {hosts: [a]}"),
            &[("6: spec.idleAfter", "is the text \"5 min\"; a duration")],
        ),
        case(
            with_spec("mode: passive\nhttp: {hosts: [a]}"),
            &[(
                "6: spec.mode",
                "is \"passive\"; one of active, observe is wanted",
            )],
        ),
        case(
            with_spec("mode: Active\nhttp: {hosts: [a]}"),
            &[("6: spec.mode", "did you mean active?")],
        ),
        case(
            with_spec("http: {hosts: a}"),
            &[("6: spec.http.hosts", "is the text \"a\"; a list is wanted")],
        ),
        case(
            with_spec("http:"),
            &[("6: spec.http", "is empty; give it a value")],
        ),
        case(
            with_spec("http: {hosts: [a, ~]}"),
            &[("6: spec.http.hosts[1]", "is empty")],
        ),
        case(
            with_process("command: [x], env: {A: 5, B: true}"),
            &[
                (
                    "7: spec.target.process.env.A",
                    "is 5; text is wanted; write it in quotes: \"5\"",
                ),
                (
                    "7: spec.target.process.env.B",
                    "write it in quotes: \"true\"",
                ),
            ],
        ),
        case(
            with_http("hold: {maxBytes: 16MB}"),
            &[(
                "8: spec.http.hold.maxBytes",
                "is the text \"16MB\"; an amount such as 16Mi",
            )],
        ),
        case(
            with_http("hold: {maxBytes: 5m}"),
            &[(
                "8: spec.http.hold.maxBytes",
                "is 5m: whole bytes are wanted",
            )],
        ),
        case(
            with_http("whileWaking: 5"),
            &[(
                "8: spec.http.whileWaking",
                "is 5; one of hold, page, fallback, respond is wanted",
            )],
        ),
        case(
            with_http("whileWaking: holt"),
            &[("8: spec.http.whileWaking", "did you mean hold?")],
        ),
        case(
            with_http("whileWaking: {respond: {status: 99}}"),
            &[(
                "8: spec.http.whileWaking.respond.status",
                "is 99: a status from 200 to 599",
            )],
        ),
        case(
            with_http("concurrency: {perReplica: .inf}"),
            &[(
                "8: spec.http.concurrency.perReplica",
                "is .inf: a finite number is wanted",
            )],
        ),
        case(
            with_http("upstream: {tls: full}"),
            &[(
                "8: spec.http.upstream.tls",
                "is \"full\"; one of none, mesh is wanted",
            )],
        ),
    ]);
}

#[test]
fn replicas_that_contradict() {
    refused(&[
        case(
            with_spec("replicas:\n  min: 5\n  max: 3\nhttp: {hosts: [a]}"),
            &[(
                "7: spec.replicas.min",
                "is 5 but max is 3: min may not be above max",
            )],
        ),
        case(
            with_spec("replicas: {min: 11}\nhttp: {hosts: [a]}"),
            &[("6: spec.replicas.min", "is 11 but max is, unless said, 10")],
        ),
        case(
            with_spec("replicas: {onWake: 4, max: 3}\nhttp: {hosts: [a]}"),
            &[("6: spec.replicas.onWake", "is 4 but max is 3")],
        ),
        case(
            with_spec("replicas: {onWake: 0, max: 0}\nhttp: {hosts: [a]}"),
            &[
                ("6: spec.replicas.onWake", "is 0; a whole number from 1"),
                ("6: spec.replicas.max", "is 0; a whole number from 1"),
            ],
        ),
        case(
            with_spec("idleAfter: 5s"),
            &[(
                "4: spec.replicas.min",
                "neither http nor a trigger nor a workload that wakes this one",
            )],
        ),
        // What follows from something refused is not told.
        case(
            with_spec("replicas: {min: 11, max: x}\nhttp: {hosts: [a]}"),
            &[("6: spec.replicas.max", "is the text \"x\"")],
        ),
        case(with_spec("http: 5"), &[("6: spec.http", "is 5")]),
    ]);
}

#[test]
fn http_that_cannot_be() {
    refused(&[
        case(
            with_spec("http: {}"),
            &[(
                "6: spec.http.hosts",
                "write hosts: [\"*\"] for every request",
            )],
        ),
        case(
            with_spec("http: {hosts: [], routes: []}"),
            &[("6: spec.http.hosts", "are missing")],
        ),
        case(
            with_spec("http: {routes: [{}]}"),
            &[("6: spec.http.routes[0]", "has no parts")],
        ),
        case(
            with_http("routes: [{hosts: [b]}]"),
            &[("8: spec.http.routes", "stands together with hosts")],
        ),
        case(
            with_spec("http: {hosts: ['a:80', 'http://a', '*a', a..b]}"),
            &[
                ("6: spec.http.hosts[0]", "a port does not belong here"),
                ("6: spec.http.hosts[1]", "a scheme or a path"),
                ("6: spec.http.hosts[2]", "a star may only"),
                ("6: spec.http.hosts[3]", "a label is empty"),
            ],
        ),
        case(
            with_spec("http: {routes: [{pathPrefixes: [v1, '/a?b']}]}"),
            &[
                (
                    "6: spec.http.routes[0].pathPrefixes[0]",
                    "does not begin with /",
                ),
                ("6: spec.http.routes[0].pathPrefixes[1]", "a query"),
            ],
        ),
        case(
            with_spec("http: {routes: [{headers: {'a b': c, d: \"e\\n\"}}]}"),
            &[
                (
                    "6: spec.http.routes[0].headers[\"a b\"]",
                    "is not a header's name",
                ),
                (
                    "6: spec.http.routes[0].headers.d",
                    "is not a header's value",
                ),
            ],
        ),
        case(
            with_spec("http: {routes: [{headers: {X-A: b, x-a: c}}]}"),
            &[(
                "6: spec.http.routes[0].headers.x-a",
                "is the same header as X-A",
            )],
        ),
        case(
            with_http("concurrency: {limit: 0}"),
            &[(
                "8: spec.http.concurrency.limit",
                "is 0; a whole number from 1",
            )],
        ),
        case(
            with_http("concurrency: {perReplica: 0}"),
            &[(
                "8: spec.http.concurrency.perReplica",
                "is 0: it must be above 0",
            )],
        ),
        case(
            with_http("concurrency: {perReplica: 3, limit: 2}"),
            &[("8: spec.http.concurrency.perReplica", "is 3 but limit is 2")],
        ),
        case(
            with_http("requestRate: {perReplica: -2}"),
            &[(
                "8: spec.http.requestRate.perReplica",
                "is -2: it must be above 0",
            )],
        ),
        case(
            with_http("requestRate: {}"),
            &[("8: spec.http.requestRate.perReplica", "is missing")],
        ),
        case(
            with_http("hold: {timeout: 0s, maxRequests: 0}"),
            &[
                (
                    "8: spec.http.hold.timeout",
                    "is 0s: it must be longer, e.g. 55s",
                ),
                (
                    "8: spec.http.hold.maxRequests",
                    "is 0; a whole number from 1",
                ),
            ],
        ),
        case(
            with_http("timeouts: {connect: 0s, responseHeader: 0s}"),
            &[
                ("8: spec.http.timeouts.connect", "e.g. 1s"),
                ("8: spec.http.timeouts.responseHeader", "is 0s"),
            ],
        ),
        case(
            with_http("service: {port: 0}"),
            &[
                ("8: spec.http.service", "is not supported"),
                (
                    "8: spec.http.service.port",
                    "is 0; a port's name or its number from 1 to 65535",
                ),
            ],
        ),
    ]);
}

#[test]
fn processes_that_cannot_run() {
    refused(&[
        case(
            with_process(""),
            &[(
                "6: spec.target.process.command",
                "has no program; write [program, argument]",
            )],
        ),
        case(
            with_process("command: ['', x]"),
            &[("7: spec.target.process.command", "has no program")],
        ),
        case(
            with_process("command: serve --fast"),
            &[(
                "7: spec.target.process.command",
                "is the text \"serve --fast\"; a list is wanted",
            )],
        ),
        case(
            with_process("command: [\"a\\0\"]"),
            &[("7: spec.target.process.command[0]", "NUL")],
        ),
        case(
            with_process("command: [x], env: {PORT: '1', 'a=b': c}"),
            &[
                ("7: spec.target.process.env.PORT", "is set by Rouse"),
                ("7: spec.target.process.env.a=b", "is not a variable's name"),
            ],
        ),
        case(
            with_process("command: [x], readinessProbe: {}"),
            &[(
                "7: spec.target.process.readinessProbe",
                "has 0 of httpGet, tcpSocket, grpc and exec",
            )],
        ),
        case(
            with_process("command: [x], readinessProbe: {grpc: {}, tcpSocket: {}}"),
            &[("7: spec.target.process.readinessProbe", "has 2 of")],
        ),
        case(
            with_process("command: [x], readinessProbe: {exec: {}}"),
            &[(
                "7: spec.target.process.readinessProbe.exec.command",
                "has no program",
            )],
        ),
        case(
            with_process("command: [x], readinessProbe: {tcpSocket: {port: 70000}}"),
            &[(
                "7: spec.target.process.readinessProbe.tcpSocket.port",
                "is 70000; a port from 1 to 65535 is wanted",
            )],
        ),
        case(
            with_process("command: [x], readinessProbe: {httpGet: {path: x}}"),
            &[(
                "7: spec.target.process.readinessProbe.httpGet.path",
                "must begin with /",
            )],
        ),
        case(
            with_process(
                "command: [x], readinessProbe: {httpGet: {httpHeaders: [{name: a}, {value: b}]}}",
            ),
            &[
                (
                    "7: spec.target.process.readinessProbe.httpGet.httpHeaders[0].value",
                    "is missing",
                ),
                (
                    "7: spec.target.process.readinessProbe.httpGet.httpHeaders[1].name",
                    "is missing",
                ),
            ],
        ),
        case(
            with_process("command: [x], readinessProbe: {tcpSocket: {}, timeoutSeconds: 0}"),
            &[(
                "7: spec.target.process.readinessProbe.timeoutSeconds",
                "is 0; a whole number from 1",
            )],
        ),
        case(
            with_process("command: [x], terminationGracePeriod: 0s"),
            &[(
                "7: spec.target.process.terminationGracePeriod",
                "must be longer",
            )],
        ),
        case(
            with_spec("http: {hosts: [a]}").replace("{process: {command: [serve]}}", "{name: x}"),
            &[
                (
                    "5: spec.target.process",
                    "standalone mode needs target.process",
                ),
                ("5: spec.target.name", "is not supported by this version"),
            ],
        ),
        case(
            with_spec("http: {hosts: [a]}")
                .replace("  target: {process: {command: [serve]}}\n", ""),
            &[(
                "4: spec.target.process",
                "standalone mode needs target.process",
            )],
        ),
    ]);
}

#[test]
fn yaml_itself() {
    refused(&[
        case("a: [1, 2".to_owned(), &[("2", "is not YAML")]),
        case(
            with_spec("idleAfter: 5s\nidleAfter: 6s\nhttp: {hosts: [a]}"),
            &[("7: spec.idleAfter", "is given twice, first on line 6")],
        ),
        case(
            with_spec("http: {hosts: [a]}\nmode: !custom active"),
            &[("7: spec.mode", "tags such as !x are not supported")],
        ),
        case(
            with_spec("http: {hosts: [a]}\n? [x]\n: y"),
            &[("7", "key must be text")],
        ),
        case(with_spec("http: &h {hosts: *h}"), &[("6", "alias")]),
        case("a: b\n\0".to_owned(), &[("2", "has a NUL character")]),
        case(
            "[".repeat(65) + &"]".repeat(65),
            &[("1", "is nested more than 64 deep")],
        ),
        case(bomb(), &[("6", "stand for more than 100000 values")]),
    ]);
}

/// Ten times ten times ten and so on.
fn bomb() -> String {
    let mut text = "a0: &a0 x\n".to_owned();
    for i in 1..20 {
        let list = vec![format!("*a{}", i - 1); 10].join(", ");
        text.push_str(&format!("a{i}: &a{i} [{list}]\n"));
    }
    text
}

#[test]
fn what_later_versions_bring() {
    for (spec, path) in [
        ("sleep: {deepAfter: 24h}", "spec.sleep"),
        ("onDelete: keep", "spec.onDelete"),
        ("class: blue", "spec.class"),
        ("verifyChanges: true", "spec.verifyChanges"),
    ] {
        let wanted = [(&*format!("6: {path}"), "is not supported by this version")];
        refused(&[case(
            with_spec(&format!("{spec}\nhttp: {{hosts: [a]}}")),
            &wanted,
        )]);
    }
    for (http, path) in [
        ("service: {port: http}", "service"),
        ("front: {service: a}", "front"),
        ("readiness: kubelet", "readiness"),
        ("upstream: {dial: service}", "upstream.dial"),
    ] {
        let wanted = [(
            &*format!("8: spec.http.{path}"),
            "is not supported by this version",
        )];
        refused(&[case(with_http(http), &wanted)]);
    }
}

#[test]
fn what_later_versions_bring_is_checked_too() {
    let later = "is not supported by this version";
    refused(&[
        case(
            with_spec(
                "triggers: [{}, {cron: {}}, {sqs: {queueURL: \"https://sqs.ap-northeast-1.amazonaws.com/123456789012/orders\", region: r, perReplica: 0}}]\nsleep: {deepAfter: 24h}",
            ),
            &[
                (
                    "6: spec.triggers[0]",
                    "has 0 of sqs, prometheus, cron, pods, cpu, memory, metricsApi, external and externalPush",
                ),
                ("6: spec.triggers[1].cron.timezone", "is missing"),
                (
                    "6: spec.triggers[2].sqs.perReplica",
                    "is 0: it must be above 0",
                ),
                ("7: spec.sleep", later),
            ],
        ),
        case(
            with_spec("http: {hosts: [a]}\nwakes: [a, b]"),
            &[
                ("7: spec.wakes[0]", "is the workload itself"),
                ("7: spec.wakes[1]", "is default/b, which is not there"),
            ],
        ),
    ]);
}

#[test]
fn rules_and_what_is_done_while_waking() {
    for (http, wanted) in [
        (
            "rules: [{match: {}, action: {}}]",
            (
                "8: spec.http.rules[0].action",
                "has 0 of respond, noWake and wake",
            ),
        ),
        (
            "rules: [{match: {headers: {x-a: b, X-A: c}}, action: {wake: {}}}]",
            (
                "8: spec.http.rules[0].match.headers.x-a",
                "is the same header as",
            ),
        ),
        (
            "rules: [{match: {methods: [get]}, action: {wake: {}}}]",
            (
                "8: spec.http.rules[0].match.methods[0]",
                "write one in upper case, such as GET",
            ),
        ),
        (
            "rules: [{match: {sourceAddresses: [here]}, action: {wake: {}}}]",
            (
                "8: spec.http.rules[0].match.sourceAddresses[0]",
                "write one such as 10.0.0.0/8",
            ),
        ),
        (
            "rules: [{match: {}, action: {noWake: {respond: {status: 200, headers: {Date: x}}}}}]",
            (
                "8: spec.http.rules[0].action.noWake.respond.headers.Date",
                "frames the message",
            ),
        ),
        (
            "whileWaking: {respond: {status: 304, body: x}}",
            (
                "8: spec.http.whileWaking.respond.body",
                "stands with status 304",
            ),
        ),
        (
            "whileWaking: {fallback: {service: {name: b}}}",
            (
                "8: spec.http.whileWaking.fallback",
                "this is standalone mode; write hold, page or respond",
            ),
        ),
        (
            "upstream: {tls: mesh}",
            (
                "8: spec.http.upstream.tls",
                "this is standalone mode, where there is none",
            ),
        ),
        (
            "upstream: {tls: {ca: /etc/passwd}}",
            (
                "8: spec.http.upstream.tls.ca",
                "such as ca.crt or shop/ca.crt",
            ),
        ),
        (
            "upstream: {tls: {ca: a/../../b}}",
            (
                "8: spec.http.upstream.tls.ca",
                "such as ca.crt or shop/ca.crt",
            ),
        ),
        (
            "upstream: {tls: {ca: ca.crt, cert: tls.crt}}",
            ("8: spec.http.upstream.tls.key", "is missing"),
        ),
        (
            "upstream: {tls: {ca: ca.crt, serverName: a b}}",
            (
                "8: spec.http.upstream.tls.serverName",
                "write a host name or an IP address",
            ),
        ),
        (
            "wakeRequires: {headers: []}",
            (
                "8: spec.http.wakeRequires.headers",
                "such as [authorization]",
            ),
        ),
        (
            "wakeRequires: {headers: [a], status: 200}",
            (
                "8: spec.http.wakeRequires.status",
                "401, 403 or 503 is wanted",
            ),
        ),
    ] {
        refused(&[case(with_http(http), &[wanted])]);
    }
    let long = "x".repeat(super::resolve::LONGEST_BODY + 1);
    let http = format!("whileWaking: {{respond: {{status: 200, body: {long}}}}}");
    let wanted = (
        "8: spec.http.whileWaking.respond.body",
        "16384 are the most",
    );
    refused(&[case(with_http(&http), &[wanted])]);
}

#[test]
fn documents_against_each_other() {
    let first = with_http("");
    let second = first.replace("name: a", "name: b");
    let problems =
        load_files(&[("1.yaml", &first), ("2.yaml", &format!("---\n{second}"))]).unwrap_err();
    assert_eq!(
        problems,
        [
            "2.yaml:8: spec.http.hosts[0]: takes host a.example.com, path /, which is a route of default/a (1.yaml:7) already; a route belongs to one workload"
        ]
    );

    let again = first.replace("a.example.com", "b.example.com");
    let problems = load_files(&[("1.yaml", &first), ("2.yaml", &again)]).unwrap_err();
    assert_eq!(
        problems,
        [
            "2.yaml:3: metadata.name: is taken: default/a stands at 1.yaml:3 already; names are unique in a namespace"
        ]
    );
    let elsewhere = again.replace("{name: a}", "{name: a, namespace: b}");
    assert_eq!(
        load_files(&[("1.yaml", &first), ("2.yaml", &elsewhere)])
            .unwrap()
            .len(),
        2
    );

    let same = "http: {routes: [{hosts: [X, y], pathPrefixes: [/a, /b/], headers: {H: '*'}}]}";
    let other = "http:\n  routes:\n  - {hosts: ['*'], pathPrefixes: [/b]}\n  - {pathPrefixes: [/b]}\n  - {hosts: [x], pathPrefixes: [/b], headers: {h: '*'}}";
    let text = format!(
        "{}---\n{}",
        with_spec(same),
        with_spec(other).replace("name: a", "name: b")
    );
    refused(&[case(
        text,
        &[
            (
                "16: spec.http.routes[1].pathPrefixes[0]",
                "takes host *, path /b, which is a route of default/b (a.yaml:15)",
            ),
            (
                "17: spec.http.routes[2].hosts[0]",
                "takes host x, path /b, which is a route of default/a (a.yaml:6)",
            ),
        ],
    )]);

    let by_name = with_http("").replace(
        "{process: {command: [serve]}}",
        "{name: x, process: {command: [serve]}}",
    );
    let other = by_name
        .replace("{name: a}", "{name: b}")
        .replace("a.example", "b.example");
    let problems = load_one(&format!("{by_name}---\n{other}")).unwrap_err();
    assert!(
        problems.iter().any(|problem| problem.starts_with(
            "a.yaml:13: spec.target.name: is the target of default/a (a.yaml:5) already"
        )),
        "{problems:?}"
    );
}

#[test]
fn all_problems_of_all_files_come_at_once_in_order() {
    let broken = with_http("hold: {timeout: 0s}\nbogus: 1\nconcurrency: {limit: x}");
    let two = format!(
        "{broken}---\nkind: Service\n---\n{}",
        with_http("requestRate: {}").replace("a}", "b}")
    );
    let files = [
        ("b.yaml", two.as_str()),
        ("a.yaml", "{"),
        ("c.yaml", "x: 1"),
    ];
    let files = files.map(|(file, text)| (PathBuf::from(file), text.to_owned()));
    let problems = load(&files, Mode::Standalone).unwrap_err();
    let seen: Vec<_> = problems
        .iter()
        .map(|p| {
            (
                p.file.to_str().unwrap(),
                p.line,
                p.document,
                p.path.as_str(),
                p.resource.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("a.yaml", 2, 1, "", None),
            ("b.yaml", 8, 1, "spec.http.hold.timeout", Some("default/a")),
            ("b.yaml", 9, 1, "spec.http.bogus", None),
            ("b.yaml", 10, 1, "spec.http.concurrency.limit", None),
            ("b.yaml", 12, 2, "kind", None),
            ("b.yaml", 20, 3, "spec.http.hosts[0]", Some("default/b")),
            (
                "b.yaml",
                21,
                3,
                "spec.http.requestRate.perReplica",
                Some("default/b")
            ),
            ("c.yaml", 1, 1, "apiVersion", None),
            ("c.yaml", 1, 1, "kind", None),
            ("c.yaml", 1, 1, "metadata.name", None),
            ("c.yaml", 1, 1, "spec", None),
            ("c.yaml", 1, 1, "x", None),
        ]
    );
    assert_eq!(problems[2].column, 5);
}

#[test]
fn a_hundred_problems_are_enough() {
    let text: String = (0..300).map(|i| format!("x{i}: 1\n")).collect();
    let problems = load_one(&text).unwrap_err();
    assert_eq!(problems.len(), 101);
    assert!(
        problems[0].contains("more than 100 problems"),
        "{}",
        problems[0]
    );
}

#[test]
fn endless_trouble_ends() {
    let nulls = "- \n".repeat(200_000);
    let problems = load_one(&nulls).unwrap_err();
    assert_eq!(problems.len(), 102);
    let told = |problem: &String| problem.contains("the rest is not read");
    assert!(problems.iter().any(told), "{problems:?}");
    let fields: String = (0..3000).map(|i| format!("x{i}: 1\n")).collect();
    let problems = load_one(&fields).unwrap_err();
    assert_eq!(problems, ["a.yaml:2001: has more than 2000 fields"]);
}
