//! What is not wrong, and will be slow or see nothing.

use std::path::PathBuf;

use rouse_api::resource::{API_VERSION, KIND};
use rouse_api::workload::{Asked, Source, Target, Workload};
use rouse_convert::{Node, gateway, lint, read};

/// A document that is no workload.
pub(super) struct Other {
    /// With its line.
    place: String,
    node: Node,
}

/// Takes documents of other kinds out of the texts, whose lines stay where they are. What is not YAML is left for the loader to tell.
pub(super) fn take_others(files: &mut [(PathBuf, String)]) -> Vec<Other> {
    let mut others = Vec::new();
    for (path, text) in files {
        let Ok(documents) = read::documents(text) else {
            continue;
        };
        let lines = text.lines().count();
        let begins = documents.iter().map(|document| document.line);
        let ends: Vec<usize> = begins.skip(1).chain([lines + 1]).collect();
        let mut kept: Vec<&str> = text.lines().collect();
        for (document, end) in documents.into_iter().zip(ends) {
            if is_ours(&document.node) {
                continue;
            }
            let begin = document.line.saturating_sub(1);
            for line in kept.iter_mut().take(end.saturating_sub(1)).skip(begin) {
                let divides = *line == "---" || line.starts_with("--- ");
                *line = if divides { "---" } else { "" };
            }
            others.push(Other {
                place: format!("{}:{}", path.display(), document.line),
                node: document.node,
            });
        }
        *text = kept.join("\n") + "\n";
    }
    others
}

/// Also what is meant to be, and has its kind or its version misspelt.
fn is_ours(node: &Node) -> bool {
    let (group, _) = API_VERSION.split_once('/').unwrap_or((API_VERSION, ""));
    let version = node.text("apiVersion").unwrap_or_default();
    let kind = node.text("kind").unwrap_or_default();
    version.is_empty() || kind.is_empty() || version.starts_with(group) || kind == KIND
}

/// One a line.
pub(super) fn hints(workloads: &[Workload], others: &[Other]) -> Vec<String> {
    let mut hints: Vec<String> = workloads.iter().flat_map(blind).collect();
    for other in others {
        // Without a workload in sight any of them may be meant.
        let of = workloads
            .iter()
            .find(|workload| scales(workload, &other.node));
        if of.is_none() && !workloads.is_empty() {
            continue;
        }
        let serves = of.is_none_or(|workload| workload.http.is_some());
        let kind = other.node.text("kind").unwrap_or_default();
        let name = other.node.text("metadata.name").unwrap_or_default();
        let place = &other.place;
        let slow = lint::slow_wakes(&other.node, serves).into_iter();
        hints.extend(slow.map(|hint| format!("{place}: {kind} {name}: {hint}")));
    }
    hints
}

fn scales(workload: &Workload, node: &Node) -> bool {
    let Target::Scalable(target) = &workload.target else {
        return false;
    };
    let text = |field: &str| node.text(field).unwrap_or_default();
    let namespace = node.text("metadata.namespace").unwrap_or("default");
    (text("apiVersion"), text("kind")) == (target.api_version.as_str(), target.kind.as_str())
        && (namespace, text("metadata.name")) == (workload.id.namespace(), target.name.as_str())
}

/// Triggers that see nothing of requests which go through Rouse.
fn blind(workload: &Workload) -> Vec<String> {
    let id = workload.id.to_string();
    let advice = workload.triggers.iter().filter_map(|trigger| {
        let Source::Polled(polled) = &trigger.source else {
            return None;
        };
        let Asked::Prometheus(query) = &polled.of else {
            return None;
        };
        let advice = gateway::advice(&query.query, polled.target, &id)?;
        let place = trigger.place;
        Some(format!(
            "{id}: spec.triggers[{place}].prometheus.query: {advice}"
        ))
    });
    advice.collect()
}
