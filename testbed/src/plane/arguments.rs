//! What each component is started with.

use super::{Component, Setup};
use crate::network::{API_PORT, MACHINE, SERVICES};

/// The testbed's own, then those of the configuration: the last one of a name wins.
pub(super) fn of(component: Component, setup: &Setup) -> Vec<String> {
    let mut arguments = match component {
        Component::Etcd => etcd(setup),
        Component::ApiServer => api_server(setup),
        Component::ControllerManager => controller_manager(setup),
        Component::Scheduler => scheduler(setup),
    };
    if let Some(more) = setup.config.arguments.get(&component) {
        arguments.extend(more.iter().cloned());
    }
    arguments
}

pub(super) const ETCD: &str = "127.0.0.1:2379";
const ETCD_PEERS: &str = "http://127.0.0.1:2380";

fn etcd(setup: &Setup) -> Vec<String> {
    let client = format!("http://{ETCD}");
    vec![
        "--name=testbed".to_owned(),
        format!("--data-dir={}", setup.folder.join("etcd").display()),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        format!("--listen-peer-urls={ETCD_PEERS}"),
        format!("--initial-advertise-peer-urls={ETCD_PEERS}"),
        format!("--initial-cluster=testbed={ETCD_PEERS}"),
        // The data dies with the testbed.
        "--unsafe-no-fsync=true".to_owned(),
        "--log-level=warn".to_owned(),
        // A single member elects itself, after this long.
        "--heartbeat-interval=10".to_owned(),
        "--election-timeout=100".to_owned(),
    ]
}

fn api_server(setup: &Setup) -> Vec<String> {
    let file = |name: &str| setup.certificates.file(name).display().to_string();
    vec![
        format!("--etcd-servers=http://{ETCD}"),
        "--bind-address=0.0.0.0".to_owned(),
        format!("--secure-port={API_PORT}"),
        // Endpoints may not be loopback addresses.
        format!("--advertise-address={MACHINE}"),
        format!("--service-cluster-ip-range={SERVICES}"),
        "--authorization-mode=Node,RBAC".to_owned(),
        format!("--client-ca-file={}", file("ca.crt")),
        format!("--tls-cert-file={}", file("serving.crt")),
        format!("--tls-private-key-file={}", file("serving.key")),
        format!("--kubelet-client-certificate={}", file("admin.crt")),
        format!("--kubelet-client-key={}", file("admin.key")),
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local".to_owned(),
        format!("--service-account-key-file={}", file("service-account.pub")),
        format!(
            "--service-account-signing-key-file={}",
            file("service-account.key")
        ),
        format!("--requestheader-client-ca-file={}", file("ca.crt")),
        "--requestheader-allowed-names=front-proxy".to_owned(),
        "--requestheader-extra-headers-prefix=X-Remote-Extra-".to_owned(),
        "--requestheader-group-headers=X-Remote-Group".to_owned(),
        "--requestheader-username-headers=X-Remote-User".to_owned(),
        format!("--proxy-client-cert-file={}", file("front-proxy.crt")),
        format!("--proxy-client-key-file={}", file("front-proxy.key")),
        // Aggregated APIs are reached at their endpoints, not through the testbed's service proxy.
        "--enable-aggregator-routing=true".to_owned(),
        "--event-ttl=1h".to_owned(),
        "--allow-privileged=true".to_owned(),
        "--profiling=false".to_owned(),
    ]
}

fn controller_manager(setup: &Setup) -> Vec<String> {
    let file = |name: &str| setup.certificates.file(name).display().to_string();
    let mut arguments = client_component(setup, "controller-manager", 10257);
    arguments.extend([
        "--controllers=*".to_owned(),
        "--use-service-account-credentials=true".to_owned(),
        format!(
            "--service-account-private-key-file={}",
            file("service-account.key")
        ),
        format!("--root-ca-file={}", file("ca.crt")),
        format!("--cluster-signing-cert-file={}", file("ca.crt")),
        format!("--cluster-signing-key-file={}", file("ca.key")),
        format!("--service-cluster-ip-range={SERVICES}"),
        "--allocate-node-cidrs=false".to_owned(),
    ]);
    arguments
}

fn scheduler(setup: &Setup) -> Vec<String> {
    client_component(setup, "scheduler", 10259)
}

/// What a client of the API server needs. `port` is its own, for its health.
fn client_component(setup: &Setup, name: &str, port: u16) -> Vec<String> {
    let file = |name: &str| setup.certificates.file(name).display().to_string();
    let kubeconfig = setup.folder.join(format!("{name}.kubeconfig"));
    let kubeconfig = kubeconfig.display();
    vec![
        format!("--kubeconfig={kubeconfig}"),
        format!("--authentication-kubeconfig={kubeconfig}"),
        format!("--authorization-kubeconfig={kubeconfig}"),
        "--leader-elect=false".to_owned(),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--secure-port={port}"),
        format!("--tls-cert-file={}", file("serving.crt")),
        format!("--tls-private-key-file={}", file("serving.key")),
        // As large clusters set them; the defaults (20 and 50 per second) would be what a test of many wakes measures.
        "--kube-api-qps=1000".to_owned(),
        "--kube-api-burst=2000".to_owned(),
        "--profiling=false".to_owned(),
    ]
}

/// The server and the path where `component` says that it is healthy.
pub(super) fn health(component: Component) -> Option<(String, &'static str)> {
    let (port, path) = match component {
        Component::Etcd => return None,
        Component::ApiServer => (API_PORT, "/readyz"),
        Component::ControllerManager => (10257, "/healthz"),
        Component::Scheduler => (10259, "/readyz"),
    };
    Some((format!("https://127.0.0.1:{port}"), path))
}
