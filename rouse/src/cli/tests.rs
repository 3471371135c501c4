use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use clap::{CommandFactory, Parser};
use rouse_proxy::ProxyConfig;
use rouse_scaler::trigger::Allowed;
use rouse_testbed::apply::documents;

use super::{Cli, Command, ServeArgs};

fn parse(args: &[&str]) -> Result<Cli, clap::Error> {
    Cli::try_parse_from([&["rouse"], args].concat())
}

fn serve(args: &[&str]) -> ServeArgs {
    match parse(&[&["serve", "--file", "a.yaml"], args].concat()) {
        Ok(Cli {
            command: Command::Serve(args),
        }) => *args,
        other => panic!("{other:?}"),
    }
}

fn refusal(args: &[&str]) -> String {
    parse(&[&["serve", "--file", "a.yaml"], args].concat())
        .expect_err("is refused")
        .to_string()
}

#[test]
fn flags_do_not_contradict_each_other() {
    Cli::command().debug_assert();
}

#[test]
fn defaults_are_the_proxys_own() {
    let ours = ProxyConfig {
        rules: Vec::new(),
        ..serve(&["--rules=none"]).data.proxy()
    };
    assert_eq!(format!("{ours:?}"), format!("{:?}", ProxyConfig::default()));
    let scaler = serve(&[]).scaler();
    assert_eq!(scaler, rouse_scaler::ScalerConfig::default());
}

#[test]
fn flags_reach_the_configuration() {
    let args = serve(&[
        "--file",
        "folder",
        "--listen=127.0.0.1:0,[::1]:81",
        "--threads=1",
        "--trusted=10.0.0.0/8",
        "--trusted=192.0.2.1",
        "--drain-timeout=1m30s",
        "--tick=250ms",
        "--max-header-bytes=16Ki",
        "--access-log",
        "--trigger-servers=http://prometheus:9090,https://mimir/tenant/a",
        "--trigger-roles=arn:aws:iam::123456789012:role/queues-*",
    ]);
    let servers = ["http://prometheus:9090", "https://mimir/tenant/a"];
    let servers = servers.map(|url| url.parse().unwrap());
    let roles = vec!["arn:aws:iam::123456789012:role/queues-*".to_owned()];
    assert_eq!(args.scaler().triggers, Allowed::only(servers.into(), roles));
    assert_eq!(args.files, [Path::new("a.yaml"), Path::new("folder")]);
    assert_eq!(args.data.threads(), 1);
    assert_eq!(args.scaler().tick, Duration::from_millis(250));
    let proxy = args.data.proxy();
    let listen: Vec<SocketAddr> = ["127.0.0.1:0", "[::1]:81"]
        .map(|a| a.parse().unwrap())
        .into();
    assert_eq!(proxy.listen, listen);
    assert_eq!(proxy.drain.timeout, Duration::from_secs(90));
    assert_eq!(proxy.limits.header_bytes, 16 << 10);
    assert!(proxy.access_log);
    assert!(proxy.trusts("192.0.2.1".parse().unwrap()));
    assert!(proxy.trusts("10.9.9.9".parse().unwrap()));
    assert!(!proxy.trusts("192.0.2.2".parse().unwrap()));
}

/// Which of the rules that come with it a request with this field meets.
fn builtin(name: &'static str, value: &str) -> Option<usize> {
    let rules = serve(&[]).data.proxy().rules;
    let headers =
        http::HeaderMap::from_iter([(http::HeaderName::from_static(name), value.parse().unwrap())]);
    let source = || "192.0.2.1".parse().unwrap();
    rouse_proxy::rule::Rules::new(&rules)
        .unwrap()
        .find("GET", "/", &headers, source)
}

#[test]
fn health_checkers_and_monitors_are_known() {
    for (agent, wanted) in [
        ("kube-probe/1.34", Some(0)),
        ("ELB-HealthChecker/2.0", Some(0)),
        ("GoogleHC/1.0", Some(0)),
        (
            "Mozilla/5.0 (compatible;Cloudflare-Healthchecks/1.0;+https://www.cloudflare.com/; healthcheck-id: f8)",
            Some(0),
        ),
        (
            "GoogleStackdriverMonitoring-UptimeChecks(https://cloud.google.com/monitoring)",
            Some(1),
        ),
        ("Datadog/Synthetics", Some(1)),
        (
            "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0.0.0 Safari/537.36 DatadogSynthetics",
            Some(1),
        ),
        (
            "Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)",
            Some(1),
        ),
        (
            "Pingdom.com_bot_version_1.4_(http://www.pingdom.com/)",
            Some(1),
        ),
        (
            "Better Stack Better Uptime Bot Mozilla/5.0 (Windows NT 10.0)",
            Some(1),
        ),
        ("curl/8.11.0", None),
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
            None,
        ),
        (
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            None,
        ),
    ] {
        assert_eq!(builtin("user-agent", agent), wanted, "{agent}");
    }
    assert_eq!(
        builtin(
            "sec-datadog",
            "Request sent by a Datadog Synthetics API Test"
        ),
        Some(2)
    );
    assert_eq!(builtin("x-request-id", "1"), None);
}

#[test]
fn wrong_values_say_what_would_be_right() {
    for (flag, right) in [
        ("--tick=5", "60s"),
        ("--tick=0s", "longer than 0"),
        ("--report-interval=2s", "at most 1 s"),
        ("--trusted=here", "10.0.0.0/8"),
        ("--rules=/not/there", "builtin or none"),
        ("--rules=/dev/null", "is empty"),
        ("--threads=0", "at least 1"),
        ("--max-header-bytes=0", "64Ki"),
        ("--max-held-bytes=lots", "16Mi"),
        ("--log=workload=[", "invalid"),
        (
            "--trigger-servers=prometheus:9090",
            "http://prometheus:9090",
        ),
    ] {
        let text = refusal(&[flag]);
        assert!(text.contains(right), "{flag}: {text}");
    }
}

#[test]
fn serve_and_check_need_files() {
    assert!(parse(&["serve"]).is_err());
    assert!(parse(&["check"]).is_err());
}

#[test]
fn every_flag_is_an_environment_variable_too() {
    let mut cli = Cli::command();
    cli.build();
    for name in ["serve", "demo", "proxy", "scaler", "simulate", "convert"] {
        let command = cli.find_subcommand(name).expect(name);
        for flag in command
            .get_arguments()
            .filter(|flag| flag.get_long().is_some())
        {
            if matches!(flag.get_id().as_str(), "help" | "version") {
                continue;
            }
            let long = flag.get_long().unwrap_or_default();
            let wanted = format!("ROUSE_{}", long.to_uppercase().replace('-', "_"));
            let env = flag.get_env().map(|env| env.to_string_lossy().into_owned());
            assert_eq!(env, Some(wanted), "--{long}");
        }
    }
}

/// The arguments of the container in a manifest of `deploy/kubernetes`, as its Pods get them.
fn manifest(file: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/kubernetes");
    let objects = documents(&std::fs::read_to_string(folder.join(file)).unwrap()).unwrap();
    let mut deployments = objects.iter().filter(|one| one["kind"] == "Deployment");
    let spec = &deployments.next().unwrap()["spec"]["template"]["spec"];
    let args = spec["containers"][0]["args"].as_array().unwrap();
    let expanded = |arg: &str| {
        arg.replace("$(POD_IP)", "10.244.0.7")
            .replace("$(POD_NAMESPACE)", "rouse")
            .replace("$(POD_NAME)", "rouse-0")
            .replace("$(POD_UID)", "0b0e1c9e")
    };
    args.iter()
        .map(|arg| expanded(arg.as_str().unwrap()))
        .collect()
}

fn parse_manifest(file: &str, more: &[&str]) -> Command {
    let args = manifest(file);
    assert!(args.iter().all(|arg| !arg.contains("$(")), "{args:?}");
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let parsed = parse(&[&args, more].concat());
    parsed
        .unwrap_or_else(|error| panic!("{file}: {error}"))
        .command
}

#[test]
fn the_manifests_give_proxies_flags_that_they_know() {
    let Command::Proxy(args) = parse_manifest("proxy.yaml", &[]) else {
        panic!("not a proxy");
    };
    assert_eq!(args.host, "0b0e1c9e");
    assert_eq!(args.scalers, ["rouse-scaler.rouse.svc:9443"]);
    assert_eq!(args.data.listen, ["10.244.0.7:8080".parse().unwrap()]);
    assert!(!args.link.link_insecure);
}

#[test]
fn the_manifests_give_scalers_flags_that_they_know() {
    let Command::Scaler(args) = parse_manifest("scaler.yaml", &["--namespace=a", "--namespace=b"])
    else {
        panic!("not a scaler");
    };
    assert_eq!(args.identity, "rouse-0");
    let default = "rouse/rouse-scaler".parse().unwrap();
    assert_eq!(args.lease, default);
    assert_eq!(args.proxies.name, "app.kubernetes.io/name=rouse-proxy");
    assert_eq!(args.namespaces, ["a", "b"]);
    assert!(!args.tls.link_insecure);
}

fn scaler(args: &[&str]) -> Result<super::ScalerArgs, String> {
    match parse(&[&["scaler", "--identity=a"], args].concat()) {
        Ok(Cli {
            command: Command::Scaler(args),
        }) => Ok(*args),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn the_link_is_protected_in_exactly_one_way() {
    let files = ["--link-ca=a", "--link-cert=b", "--link-key=c"];
    let made = "--link-certificates=rouse/blue";
    assert!(
        scaler(&files)
            .unwrap()
            .certificates
            .config()
            .unwrap()
            .is_none()
    );
    let config = scaler(&[made]).unwrap().certificates.config();
    let config = config.unwrap().unwrap();
    assert_eq!((&*config.namespace, &*config.name), ("rouse", "blue"));
    let lifetimes = rouse_kubernetes::certificates::Lifetimes::default();
    assert_eq!(config.lifetimes, lifetimes);
    for (args, wanted) in [
        (&[][..], "--link-certificates"),
        (&[made, "--link-insecure"], "cannot be used with"),
        (&[made, files[0], files[1], files[2]], "cannot be used with"),
        (
            &["--link-insecure", files[0], files[1], files[2]],
            "cannot be used with",
        ),
        (&[files[0]], "--link-cert"),
        (&[files[1], files[2]], "--link-ca"),
        (&["--link-certificates=rouse"], "has no namespace"),
    ] {
        let text = scaler(args).expect_err("is refused");
        assert!(text.contains(wanted), "{args:?}: {text}");
    }
    assert!(parse(&["proxy", "--scalers=a:1", "--host=a", made]).is_err());
    assert!(parse(&["proxy", "--scalers=a:1", "--host=a"]).is_err());
}

#[test]
fn lifetimes_that_cannot_be_kept_are_refused() {
    let config = |certificate, authority, overlap| {
        let args = [
            "--link-certificates=a/b".to_owned(),
            format!("--link-certificate-lifetime={certificate}"),
            format!("--link-authority-lifetime={authority}"),
            format!("--link-authority-overlap={overlap}"),
        ];
        scaler(&args.each_ref().map(|arg| &**arg))
            .unwrap()
            .certificates
            .config()
    };
    config("60s", "60s", "10s").unwrap();
    let told = config("2h", "1h", "1m").unwrap_err();
    assert!(
        told.contains("--link-certificate-lifetime must be at most"),
        "{told}"
    );
    let told = config("60s", "60s", "11s").unwrap_err();
    assert!(
        told.contains("--link-authority-overlap must be at most"),
        "{told}"
    );
}

#[test]
fn ports_of_fronts_are_a_range_that_proxies_can_have() {
    let ports = |text: &str| {
        let link = ["--link-insecure", &format!("--front-ports={text}")];
        scaler(&link).map(|args| args.front_ports)
    };
    assert_eq!(ports("20000-20999"), Ok(Some(20_000..=20_999)));
    assert_eq!(ports("20000-20000"), Ok(Some(20_000..=20_000)));
    for bad in [
        "20000",
        "20999-20000",
        "80-20000",
        "20000-70000",
        "a-b",
        "-",
    ] {
        let refusal = ports(bad).expect_err(bad);
        assert!(refusal.contains("is not a range of ports"), "{refusal}");
    }
}
