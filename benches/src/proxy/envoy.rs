//! Envoy, as a peer: its defaults, and `use_remote_address`, as on an edge.

use serde_json::{Value, json};
use tokio::process::Command;

use super::{Options, host};
use crate::child::Running;
use crate::error::Result;
use crate::setup::{self, Folder};

/// A virtual host per host, all to the one upstream.
pub(super) fn proxy(
    folder: &Folder,
    port: u16,
    upstream: u16,
    options: &Options,
) -> Result<Running> {
    let file = folder.write(
        "envoy.json",
        &config(port, upstream, options.routes).to_string(),
    )?;
    let mut command = Command::new("taskset");
    command
        .args(["-c", &options.proxy_core.to_string()])
        .arg(setup::envoy()?);
    command
        .args([
            "--concurrency",
            "1",
            "--disable-hot-restart",
            "--log-level",
            "error",
            "--config-path",
        ])
        .arg(file);
    Running::start(command, &folder.path("envoy.log"))
}

fn config(port: u16, upstream: u16, routes: u32) -> Value {
    let hosts = (0..routes).map(|n| {
        json!({
        "name": format!("host-{n}"),
        "domains": [host(n)],
        "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "sample"}}],
        })
    });
    let hosts: Vec<_> = hosts.collect();
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench",
        "use_remote_address": true,
        "route_config": {"name": "bench", "virtual_hosts": hosts},
        "http_filters": [{
            "name": "envoy.filters.http.router",
            "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
        }],
    });
    json!({"static_resources": {
        "listeners": [{
            "address": address(port),
            "filter_chains": [{"filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": manager,
            }]}],
        }],
        "clusters": [{
            "name": "sample",
            "connect_timeout": "1s",
            "load_assignment": {
                "cluster_name": "sample",
                "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(upstream)}}]}],
            },
        }],
    }})
}

fn address(port: u16) -> Value {
    json!({"socket_address": {"address": "127.0.0.1", "port_value": port}})
}
