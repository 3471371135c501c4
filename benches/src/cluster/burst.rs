//! Many services woken at the same moment, against as many bare PATCHes at once.

use std::time::Duration;

use tokio::time::Instant;

use futures_util::future::try_join_all;

use super::fixture::{Bed, host, until};
use crate::error::{Error, Result};
use crate::http;

const ANSWER: Duration = Duration::from_secs(55);

pub(super) async fn table(bed: &Bed, count: u32) -> Result<String> {
    let names: Vec<_> = (0..count).map(|n| format!("burst-{n}")).collect();
    for name in &names {
        bed.deploy(name, &[]).await?;
    }
    let bare = bare(bed, &names).await?;
    for name in &names {
        bed.scaled(name, "5m").await?;
    }
    let last = names.last().cloned().unwrap_or_default();
    until("the last is routed", async || {
        // Answered with 404 until then; the path has no effect on the others.
        Ok(known(bed, &last).await)
    })
    .await?;
    let began = Instant::now();
    let answers = names.iter().map(async |name| {
        let answer = http::get(bed.proxy, &host(name), "/", ANSWER).await?;
        match answer.status {
            200 => Ok(()),
            _ => Err(Error(answer.text)),
        }
    });
    try_join_all(answers).await?;
    let rouse = began.elapsed().as_secs_f64();
    for name in &names {
        bed.scale(name, 0).await?;
    }
    Ok(format!(
        "{count} at the same moment, until the last answer: {count} bare PATCHes {bare:.2} s, through Rouse {rouse:.2} s ({:.2} times).\n",
        rouse / bare
    ))
}

/// Whether the proxy has the route, without a wake.
async fn known(bed: &Bed, name: &str) -> bool {
    let admin = std::net::SocketAddr::new(bed.proxy.ip(), 9090);
    let Ok(status) = http::get(admin, "admin", "/status", ANSWER).await else {
        return false;
    };
    status.text.contains(&format!("/{name}\""))
}

/// All at once by hand, until the last process answers on its address.
async fn bare(bed: &Bed, names: &[String]) -> Result<f64> {
    let began = Instant::now();
    try_join_all(names.iter().map(|name| bed.scale(name, 1))).await?;
    until("all answer", async || {
        let pods = bed
            .pods()
            .list(&kube::api::ListParams::default().labels("app"))
            .await;
        let Ok(pods) = pods else { return Ok(false) };
        let burst = pods.items.iter().filter(|pod| {
            let labels = pod.metadata.labels.as_ref();
            labels
                .and_then(|labels| labels.get("app"))
                .is_some_and(|app| app.starts_with("burst-"))
        });
        let addresses: Vec<_> = burst
            .filter_map(|pod| pod.status.as_ref()?.pod_ip.clone())
            .collect();
        if addresses.len() < names.len() {
            return Ok(false);
        }
        let answers = addresses
            .iter()
            .map(|address| http::get((address.as_str(), 8080), "bench", "/", ANSWER));
        Ok(try_join_all(answers).await.is_ok())
    })
    .await?;
    let took = began.elapsed().as_secs_f64();
    try_join_all(names.iter().map(|name| bed.scale(name, 0))).await?;
    for name in names {
        bed.asleep(name).await?;
    }
    Ok(took)
}
