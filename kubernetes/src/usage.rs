//! What pods use, by `metrics.k8s.io`: one list per namespace, for all triggers that ask at about the same time.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use rouse_api::workload::{Resource, Usage};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::index::pod::PodRequests;

/// A list serves so long: metrics are made anew each 15 s, as a rule.
const FRESH: Duration = Duration::from_secs(2);

/// For one list.
const WITHIN: Duration = Duration::from_secs(5);

/// Namespaces whose lists are kept; of more all are read anew.
const MOST: usize = 1024;

/// By pod, then by container: cores and bytes.
type Used = HashMap<String, Vec<(String, Option<f64>, Option<f64>)>>;

type Place = Arc<Mutex<Option<(Instant, Arc<Used>)>>>;

/// Reads what pods use.
pub(crate) struct Usages {
    client: Client,
    known: parking_lot::Mutex<HashMap<String, Place>>,
}

impl std::fmt::Debug for Usages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Usages").finish_non_exhaustive()
    }
}

#[derive(Debug, Deserialize)]
struct List {
    items: Vec<PodMetrics>,
}

#[derive(Debug, Deserialize)]
struct PodMetrics {
    metadata: Name,
    #[serde(default)]
    containers: Vec<ContainerMetrics>,
}

#[derive(Debug, Deserialize)]
struct Name {
    name: String,
}

#[derive(Debug, Deserialize)]
struct ContainerMetrics {
    name: String,
    #[serde(default)]
    usage: HashMap<String, String>,
}

impl Usages {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            known: parking_lot::Mutex::default(),
        }
    }

    /// Of these pods out of so many, as [`Usage`] says and [`Platform::usage`](rouse_scaler::platform::Platform::usage) reckons.
    ///
    /// # Errors
    /// With a sentence that says what would be right.
    pub(crate) async fn of(
        &self,
        namespace: &str,
        (pods, count): (&[PodRequests], usize),
        wanted: &Usage,
        target: f64,
    ) -> Result<f64, String> {
        if count == 0 {
            return Ok(0.0);
        }
        let used = self.list(namespace).await?;
        let (value, measured) = value(&used, pods, wanted)?;
        Ok(whole(value, measured, count, target))
    }

    async fn list(&self, namespace: &str) -> Result<Arc<Used>, String> {
        let place = {
            let mut known = self.known.lock();
            if known.len() >= MOST && !known.contains_key(namespace) {
                known.clear();
            }
            known.entry(namespace.to_owned()).or_default().clone()
        };
        // Who comes while it is being read waits for the same list.
        let mut place = place.lock().await;
        let now = Instant::now();
        if let Some((read, used)) = place.as_ref()
            && now < *read + FRESH
        {
            return Ok(used.clone());
        }
        let used = Arc::new(self.read(namespace).await?);
        *place = Some((now, used.clone()));
        Ok(used)
    }

    async fn read(&self, namespace: &str) -> Result<Used, String> {
        let path = format!("/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods");
        let request = http::Request::get(path).body(Vec::new());
        let request = request.map_err(|error| error.to_string())?;
        let list = timeout(WITHIN, self.client.request::<List>(request)).await;
        let list = list.map_err(|_| "metrics.k8s.io did not answer in time".to_owned())?;
        let list = list.map_err(|error| match error {
            kube::Error::Api(status) if status.code == 404 => {
                "there is no metrics.k8s.io here: install metrics-server".to_owned()
            }
            kube::Error::Api(status) if status.code == 403 => {
                format!("the scaler may not list pods of metrics.k8s.io in namespace {namespace}")
            }
            error => format!("metrics.k8s.io can't be read: {error}"),
        })?;
        let amount = |container: &ContainerMetrics, name: &str| {
            container.usage.get(name).and_then(|text| quantity(text))
        };
        let pod = |pod: PodMetrics| {
            let containers = pod.containers.into_iter().map(|container| {
                let cpu = amount(&container, "cpu");
                let memory = amount(&container, "memory");
                (container.name, cpu, memory)
            });
            (pod.metadata.name, containers.collect())
        };
        Ok(list.items.into_iter().map(pod).collect())
    }
}

/// With pods that nobody has measured: as the HPA does, so that they neither make more of what is too much nor less of what is enough.
fn whole(value: f64, measured: usize, count: usize, target: f64) -> f64 {
    let (known, count) = (measured as f64, count.max(measured) as f64);
    let least = value * known / count;
    if value <= target {
        return least + target * (count - known) / count;
    }
    least.max(target)
}

/// Of those pods that have metrics, and how many these are: the whole of what they use by the whole of what they request, or the average.
fn value(used: &Used, pods: &[PodRequests], wanted: &Usage) -> Result<(f64, usize), String> {
    let word = wanted.resource.word();
    let counts = |name: &str| wanted.container.as_deref().is_none_or(|one| one == name);
    let (mut all_used, mut all_requested, mut measured) = (0.0, 0.0, 0);
    for (name, requests) in pods {
        if let Some(container) = &wanted.container
            && !requests.iter().any(|one| *one.container == **container)
        {
            return Err(format!("pod {name} has no container {container}"));
        }
        let Some(containers) = used.get(name) else {
            continue;
        };
        measured += 1;
        for one in requests.iter().filter(|one| counts(&one.container)) {
            let found = containers
                .iter()
                .find(|(name, ..)| **name == *one.container);
            let (amount, requested) = match wanted.resource {
                Resource::Cpu => (found.and_then(|(_, cpu, _)| *cpu), one.cpu),
                Resource::Memory => (found.and_then(|(.., memory)| *memory), one.memory),
            };
            all_used += amount.ok_or_else(|| {
                format!(
                    "the metrics of pod {name} don't say how much {word} container {} uses",
                    one.container
                )
            })?;
            match requested.filter(|requested| *requested > 0.0) {
                Some(requested) => all_requested += requested,
                None if wanted.of_requests => {
                    return Err(format!(
                        "container {} of pod {name} requests no {word}: write resources.requests.{word}, or average instead of utilization",
                        one.container
                    ));
                }
                None => {}
            }
        }
    }
    if measured == 0 {
        return Err(format!("no ready pod has metrics of its {word} yet"));
    }
    let value = match wanted.of_requests {
        true => all_used / all_requested * 100.0,
        false => all_used / measured as f64,
    };
    Ok((value, measured))
}

/// An amount as Kubernetes writes it, also as metrics have it (`123n`); `None`: it is none.
pub(crate) fn quantity(text: &str) -> Option<f64> {
    let end = text
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let factor = match suffix {
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "" => 1.0,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1024.0 * 1024.0,
        "Gi" => 1024.0_f64.powi(3),
        "Ti" => 1024.0_f64.powi(4),
        "Pi" => 1024.0_f64.powi(5),
        "Ei" => 1024.0_f64.powi(6),
        // `2e3`: an exponent.
        _ => return text.parse().ok(),
    };
    Some(number.parse::<f64>().ok()? * factor)
}
