//! One load test, from nothing to its summary.

use std::net::SocketAddr;
use std::path::Path;

use rouse_testbed::apply::documents;
use serde_json::{Value, json};

use crate::Cli;
use crate::bed::{Bed, deploy};
use crate::error::{Error, Result, file};
use crate::{gateway, programs, summary};

/// The gateway; the namespace is ours, so no port of it is taken.
const GATEWAY: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 15080);

/// Gives the summary as text.
///
/// # Errors
/// Something doesn't come up, or k6 found a threshold crossed.
pub(crate) async fn run(cli: &Cli) -> Result<String> {
    let folder = cli.results.join(cli.scenario.name());
    std::fs::create_dir_all(&folder).map_err(file(&folder))?;
    let folder = folder.canonicalize().map_err(file(&folder))?;
    let services = cli.scenario.services(cli.smoke);
    let bed = Bed::start(&cli.rouse).await?;
    let loaded = async {
        bed.services(&services).await?;
        let config = gateway::envoy(GATEWAY, &virtual_service()?, &bed.proxies().await?)?;
        let path = folder.join("envoy.json");
        std::fs::write(&path, config.to_string()).map_err(file(&path))?;
        let log = folder.join("envoy.log");
        let _envoy = programs::envoy(&cli.envoy, &path, GATEWAY, &log).await?;
        let told = load(cli, services.len(), &folder).await?;
        summary::text(cli.scenario, &told, &machine())
    }
    .await;
    bed.stop().await;
    let text = loaded?;
    let path = folder.join("summary.md");
    std::fs::write(&path, &text).map_err(file(&path))?;
    Ok(text)
}

async fn load(cli: &Cli, services: usize, folder: &Path) -> Result<Value> {
    let name = cli.scenario.name();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("k6/{name}.js"));
    let (results, log) = (folder.join("summary.json"), folder.join("k6.log"));
    let environment = [
        ("GATEWAY", format!("http://{GATEWAY}")),
        ("SERVICES", services.to_string()),
        ("SUMMARY", results.display().to_string()),
        ("SMOKE", if cli.smoke { "1" } else { "" }.to_owned()),
    ];
    let longest = cli.scenario.longest(cli.smoke);
    let status = programs::k6(&cli.k6, &script, &environment, longest, &log).await?;
    if !status.success() {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        let end = lines[lines.len().saturating_sub(60)..].join("\n");
        return Err(Error::Other(format!(
            "k6: {status}; {}:\n{end}",
            log.display()
        )));
    }
    let text = std::fs::read_to_string(&results).map_err(file(&results))?;
    serde_json::from_str(&text).map_err(|error| Error::Json(results, error))
}

/// The example's, for all hosts of the services.
fn virtual_service() -> Result<Value> {
    let path = deploy().join("examples/istio/by-host.yaml");
    let text = std::fs::read_to_string(&path).map_err(file(&path))?;
    let found = documents(&text).ok().and_then(|all| all.into_iter().next());
    let mut service = found.ok_or_else(|| Error::Route(format!("{} is empty", path.display())))?;
    service["spec"]["hosts"] = json!(["*.load.example.com"]);
    Ok(service)
}

/// The machine, in a line.
fn machine() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model
        .unwrap_or("unknown CPU")
        .trim_start_matches([' ', '\t', ':']);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{model}, {cores} cores, Linux {}", kernel.trim())
}
