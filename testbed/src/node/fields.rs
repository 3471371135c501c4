use std::net::IpAddr;

use k8s_openapi::api::core::v1::Pod;

/// What a pod's fields need to know of the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) pod_ip: IpAddr,
    pub(crate) host_ip: IpAddr,
}

/// A field of the pod as the downward API names it; an absent label or annotation is empty.
///
/// # Errors
/// When this node doesn't know the path.
pub(crate) fn field(pod: &Pod, facts: &Facts, path: &str) -> Result<String, String> {
    let meta = &pod.metadata;
    let spec = pod.spec.as_ref();
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    Ok(match path {
        "metadata.name" => text(&meta.name),
        "metadata.namespace" => text(&meta.namespace),
        "metadata.uid" => text(&meta.uid),
        "metadata.labels" => lines(meta.labels.iter().flatten()),
        "metadata.annotations" => lines(meta.annotations.iter().flatten()),
        "spec.nodeName" => spec.map(|spec| text(&spec.node_name)).unwrap_or_default(),
        "spec.serviceAccountName" => spec
            .map(|spec| text(&spec.service_account_name))
            .unwrap_or_default(),
        "status.podIP" | "status.podIPs" => facts.pod_ip.to_string(),
        "status.hostIP" | "status.hostIPs" => facts.host_ip.to_string(),
        _ => {
            let of = |prefix| subscript(path, prefix);
            let (map, name) = of("metadata.labels")
                .map(|name| (&meta.labels, name))
                .or_else(|| of("metadata.annotations").map(|name| (&meta.annotations, name)))
                .ok_or_else(|| format!("fieldPath {path:?} is not known to this node"))?;
            let value = map.as_ref().and_then(|map| map.get(name));
            value.cloned().unwrap_or_default()
        }
    })
}

/// `name` of `prefix['name']`.
fn subscript<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    path.strip_prefix(prefix)?
        .strip_prefix("['")?
        .strip_suffix("']")
}

fn lines<'a>(map: impl Iterator<Item = (&'a String, &'a String)>) -> String {
    let lines: Vec<_> = map
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    lines.join("\n")
}
