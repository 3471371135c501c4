use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use rouse_api::workload::ProbeAction;

/// A check of one container: what to ask, and where.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    action: Result<ProbeAction, String>,
    address: SocketAddr,
}

impl Attempt {
    /// The probe's check; what is wrong with it fails each attempt.
    pub(crate) fn of(container: &Container, probe: &Probe, pod: IpAddr) -> Self {
        let host = |host: Option<&String>| host.and_then(|host| host.parse().ok()).unwrap_or(pod);
        if let Some(get) = &probe.http_get {
            return Self::http(container, get, pod);
        }
        if let Some(socket) = &probe.tcp_socket {
            let action = port(container, &socket.port)
                .map(|port| ProbeAction::TcpSocket { port: Some(port) });
            return Self::to(action, host(socket.host.as_ref()));
        }
        if let Some(grpc) = &probe.grpc {
            let number = u16::try_from(grpc.port).map_err(|_| format!("{} is no port", grpc.port));
            let action = number.map(|port| ProbeAction::Grpc {
                service: grpc.service.clone().unwrap_or_default(),
                port: Some(port),
            });
            return Self::to(action, pod);
        }
        let command = probe.exec.as_ref().and_then(|exec| exec.command.clone());
        let action = command
            .map(|command| ProbeAction::Exec { command })
            .ok_or_else(|| "the probe asks for nothing".to_owned());
        Self::to(action, pod)
    }

    /// A GET, also of a preStop hook.
    pub(crate) fn http(
        container: &Container,
        get: &k8s_openapi::api::core::v1::HTTPGetAction,
        pod: IpAddr,
    ) -> Self {
        let headers = get.http_headers.iter().flatten();
        let headers = headers.map(|header| (header.name.clone(), header.value.clone()));
        let action = port(container, &get.port).and_then(|port| {
            if get.scheme.as_deref() == Some("HTTPS") {
                return Err("scheme HTTPS is not known to this node".to_owned());
            }
            Ok(ProbeAction::HttpGet {
                path: get.path.clone().unwrap_or_else(|| "/".to_owned()),
                headers: headers.collect(),
                port: Some(port),
            })
        });
        let host = get.host.as_ref().and_then(|host| host.parse().ok());
        Self::to(action, host.unwrap_or(pod))
    }

    /// A command, as of a preStop hook.
    pub(crate) fn exec(command: Vec<String>, pod: IpAddr) -> Self {
        Self::to(Ok(ProbeAction::Exec { command }), pod)
    }

    fn to(action: Result<ProbeAction, String>, host: IpAddr) -> Self {
        Self {
            action,
            address: SocketAddr::new(host, 0),
        }
    }

    /// Asks once; a command runs among the mounts and with the environment of process `pid`.
    ///
    /// # Errors
    /// What was seen.
    pub(crate) async fn make(&self, pid: Option<i32>, timeout: Duration) -> Result<(), String> {
        let mut action = self.action.clone()?;
        let mut env = BTreeMap::new();
        if let ProbeAction::Exec { command } = &mut action {
            let pid = pid.ok_or("the container does not run")?;
            env = environment(pid);
            *command = inside(pid, std::mem::take(command));
        }
        rouse_probe::attempt(&action, self.address, &env, None, timeout)
            .await
            .map_err(|error| error.to_string())
    }
}

/// The command as the container would see it.
fn inside(pid: i32, command: Vec<String>) -> Vec<String> {
    let dir = format!("/proc/{pid}/cwd");
    let dir = std::fs::read_link(dir).map_or("/".to_owned(), |dir| dir.display().to_string());
    let enter = ["/usr/bin/nsenter", "--target"].map(ToOwned::to_owned);
    let shell = ["--mount", "--", "/bin/sh", "-c", "cd \"$0\" && exec \"$@\""];
    enter
        .into_iter()
        .chain([pid.to_string()])
        .chain(shell.map(ToOwned::to_owned))
        .chain([dir])
        .chain(command)
        .collect()
}

/// What the process was started with.
fn environment(pid: i32) -> BTreeMap<String, String> {
    let bytes = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    text.split('\0')
        .filter_map(|var| var.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// A port by number, or by the name that the container gives it.
fn port(container: &Container, port: &IntOrString) -> Result<u16, String> {
    let number = match port {
        IntOrString::Int(number) => *number,
        IntOrString::String(name) => {
            let ports = container.ports.iter().flatten();
            let named = ports.filter(|port| port.name.as_ref() == Some(name));
            let named = named.map(|port| port.container_port).next();
            named
                .or_else(|| name.parse().ok())
                .ok_or_else(|| format!("container {:?} has no port {name:?}", container.name))?
        }
    };
    u16::try_from(number).map_err(|_| format!("{number} is no port"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn checks_are_read_from_the_pod() {
        let container: Container = serde_json::from_value(
            json!({"name": "c", "ports": [{"name": "web", "containerPort": 8080}]}),
        )
        .unwrap();
        let of = |probe: serde_json::Value| {
            let probe: Probe = serde_json::from_value(probe).unwrap();
            Attempt::of(&container, &probe, [10, 244, 0, 3].into())
        };
        let get = of(json!({"httpGet": {"path": "/ready", "port": "web"}}));
        assert_eq!(
            get.action,
            Ok(ProbeAction::HttpGet {
                path: "/ready".to_owned(),
                headers: Vec::new(),
                port: Some(8080),
            })
        );
        let other = of(json!({"tcpSocket": {"port": 81, "host": "10.0.0.1"}}));
        assert_eq!(other.address.ip(), IpAddr::from([10, 0, 0, 1]));
        let unknown = of(json!({"tcpSocket": {"port": "nope"}}));
        assert_eq!(
            unknown.action.unwrap_err(),
            "container \"c\" has no port \"nope\""
        );
        assert!(of(json!({})).action.is_err());
    }
}
