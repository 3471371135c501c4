use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;
use std::time::Duration;

use super::http::above_zero;
use crate::load::document::Document;
use crate::load::path::FieldPath;
use crate::resource::{HttpGetProbe, ProcessSpec, ReadinessProbe, Spec};
use crate::workload::{Probe, ProbeAction, Process};

/// Kubernetes' `terminationGracePeriodSeconds`, unless said otherwise.
const GRACE_PERIOD: Duration = Duration::from_secs(30);
/// Kubernetes' defaults of a probe: `timeoutSeconds`, `periodSeconds`, `successThreshold`, `failureThreshold`.
const PROBE_TIMEOUT: u32 = 1;
const PROBE_PERIOD: u32 = 10;
const PROBE_SUCCESSES: u32 = 1;
const PROBE_FAILURES: u32 = 3;

/// Standalone mode: the target must be a process.
pub(super) fn target(document: &mut Document, spec: &Spec) -> Option<Process> {
    let at = FieldPath::of("spec.target");
    let target = spec.target.clone().unwrap_or_default();
    for (field, given) in [
        ("apiVersion", target.api_version.is_some()),
        ("kind", target.kind.is_some()),
        ("name", target.name.is_some()),
    ] {
        if given {
            document.refuse(&at.key(field), "is not supported by this version: it runs standalone, where target.process says what a replica is");
        }
    }
    let at = at.key("process");
    match &target.process {
        Some(process) => Some(self::process(document, process, spec.http.is_some(), &at)),
        None => {
            document.refuse(&at, "is missing: standalone mode needs target.process; write process: {command: [program, argument]}");
            None
        }
    }
}

fn process(document: &mut Document, spec: &ProcessSpec, listens: bool, at: &FieldPath) -> Process {
    command(document, &spec.command, &at.key("command"));
    for (name, value) in &spec.env {
        let at = at.key("env").key(name);
        if name == "PORT" {
            document.refuse(
                &at,
                "is set by Rouse: the replica is told there where to listen; leave it out",
            );
        } else if name.is_empty() || name.contains(['=', '\0']) {
            document.refuse(
                &at,
                "is not a variable's name: it may not be empty or have a =",
            );
        } else if value.contains('\0') {
            document.refuse(&at, "has a NUL character, which a variable can't hold");
        }
    }
    let working_dir = spec.working_dir.as_ref().map(|dir| {
        if dir.is_empty() || dir.contains('\0') {
            document.refuse(
                &at.key("workingDir"),
                "is not a folder; leave it out for Rouse's own",
            );
        }
        relative_to(document, dir)
    });
    let probe_at = at.key("readinessProbe");
    let readiness = spec.readiness_probe.as_ref();
    Process {
        command: spec.command.clone(),
        env: spec.env.clone(),
        working_dir,
        readiness: readiness.and_then(|probe| self::probe(document, probe, &probe_at)),
        listens,
        termination_grace_period: above_zero(
            document,
            &at.key("terminationGracePeriod"),
            spec.termination_grace_period,
            GRACE_PERIOD,
        ),
    }
}

/// A relative folder is relative to the resource's file.
fn relative_to(document: &Document, dir: &str) -> PathBuf {
    match document.file.parent() {
        Some(folder) => folder.join(dir),
        None => dir.into(),
    }
}

fn command(document: &mut Document, command: &[String], at: &FieldPath) {
    if command.first().is_none_or(String::is_empty) && !document.touched(at) {
        document.refuse(at, "has no program; write [program, argument]");
    }
    for (i, part) in command.iter().enumerate() {
        if part.contains('\0') {
            document.refuse(
                &at.index(i),
                "has a NUL character, which an argument can't hold",
            );
        }
    }
}

fn probe(document: &mut Document, spec: &ReadinessProbe, at: &FieldPath) -> Option<Probe> {
    let action = action(document, spec, at)?;
    let seconds = |given: Option<NonZeroU32>, default| {
        Duration::from_secs(given.map_or(default, NonZeroU32::get).into())
    };
    Some(Probe {
        action,
        timeout: seconds(spec.timeout_seconds, PROBE_TIMEOUT),
        period: seconds(spec.period_seconds, PROBE_PERIOD),
        success_threshold: spec
            .success_threshold
            .map_or(PROBE_SUCCESSES, NonZeroU32::get),
        failure_threshold: spec
            .failure_threshold
            .map_or(PROBE_FAILURES, NonZeroU32::get),
    })
}

fn action(document: &mut Document, spec: &ReadinessProbe, at: &FieldPath) -> Option<ProbeAction> {
    let number = |port: Option<NonZeroU16>| port.map(NonZeroU16::get);
    let http = spec
        .http_get
        .as_ref()
        .map(|get| http_get(document, get, &at.key("httpGet")));
    let tcp = spec.tcp_socket.as_ref().map(|tcp| ProbeAction::TcpSocket {
        port: number(tcp.port),
    });
    let grpc = spec.grpc.as_ref().map(|grpc| ProbeAction::Grpc {
        service: grpc.service.clone().unwrap_or_default(),
        port: number(grpc.port),
    });
    let exec = spec.exec.as_ref().map(|exec| {
        command(document, &exec.command, &at.key("exec").key("command"));
        ProbeAction::Exec {
            command: exec.command.clone(),
        }
    });
    let mut actions: Vec<_> = [http, tcp, grpc, exec].into_iter().flatten().collect();
    let count = actions.len();
    if count == 1 {
        return actions.pop();
    }
    if count > 1 || !document.touched(at) {
        let message =
            format!("has {count} of httpGet, tcpSocket, grpc and exec; write exactly one");
        document.refuse(at, message);
    }
    None
}

fn http_get(document: &mut Document, spec: &HttpGetProbe, at: &FieldPath) -> ProbeAction {
    let path = spec.path.clone().unwrap_or_else(|| "/".to_owned());
    if !path.starts_with('/') || path.contains('#') || !path.bytes().all(|c| c.is_ascii_graphic()) {
        let message =
            format!("is {path:?}: it must begin with / and have no spaces, e.g. /healthz");
        document.refuse(&at.key("path"), message);
    }
    let header = |header: &crate::resource::HttpHeader| {
        let (name, value) = (header.name.as_str(), header.value.as_str());
        (name.to_owned(), value.to_owned())
    };
    ProbeAction::HttpGet {
        path,
        headers: spec.http_headers.iter().map(header).collect(),
        port: spec.port.map(NonZeroU16::get),
    }
}
