//! What in a Pod's template makes wakes slow.

#[cfg(test)]
mod tests;

use std::fmt;

use rouse_api::load::FieldPath;

use crate::node::Node;

/// Something that costs time at each wake. Reads `spec.template.spec.containers[0].readinessProbe: message`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// The field, or where it would be.
    pub path: FieldPath,
    /// What it costs, and what would be right.
    pub message: String,
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// Kubernetes' `periodSeconds`.
const PERIOD: i64 = 10;

/// Whether the object has a Pod's template, as Deployments have.
#[must_use]
pub fn has_template(object: &Node) -> bool {
    object.find("spec.template.spec").is_some()
}

/// All that is slow in the template of an object; nothing when it has none. `serves`: requests wait for its replicas.
#[must_use]
pub fn slow_wakes(object: &Node, serves: bool) -> Vec<Hint> {
    let Some(spec) = object.find("spec.template.spec") else {
        return Vec::new();
    };
    let mut hints = Hints(Vec::new());
    let path = FieldPath::of("spec.template.spec");
    if spec.get("enableServiceLinks") != Some(&Node::Bool(false)) {
        let message = "is true unless said: each container starts with variables of every Service of the namespace, and slower for it; write false";
        hints.add(path.key("enableServiceLinks"), message);
    }
    let containers = spec.list("containers");
    let all = path.key("containers");
    let at = |place: usize| all.index(place);
    for (place, container) in containers.iter().enumerate() {
        pull(container, &at(place), &mut hints);
    }
    if serves {
        probes(spec, containers, &all, &mut hints);
    }
    hints.0
}

struct Hints(Vec<Hint>);

impl Hints {
    fn add(&mut self, path: FieldPath, message: impl Into<String>) {
        self.0.push(Hint {
            path,
            message: message.into(),
        });
    }
}

fn pull(container: &Node, at: &FieldPath, hints: &mut Hints) {
    let at = at.key("imagePullPolicy");
    match container.text("imagePullPolicy") {
        Some("Always") => {
            let message = "is Always: every start asks the registry first, and waits for it when it is slow or away; write IfNotPresent and a tag that does not change";
            hints.add(at, message);
        }
        None => {
            let image = container.text("image").unwrap_or_default();
            if !image.is_empty() && is_latest(image) {
                let message = format!(
                    "is Always unless said for {image:?}, whose tag is latest: every start asks the registry first; name a tag, or write IfNotPresent"
                );
                hints.add(at, message);
            }
        }
        Some(_) => {}
    }
}

/// By its tag; a digest is fixed.
fn is_latest(image: &str) -> bool {
    let name = image.rsplit('/').next().unwrap_or(image);
    !image.contains('@') && name.rsplit_once(':').is_none_or(|(_, tag)| tag == "latest")
}

fn probes(spec: &Node, containers: &[Node], all: &FieldPath, hints: &mut Hints) {
    let probing: Vec<usize> = containers
        .iter()
        .enumerate()
        .filter(|(_, container)| container.get("readinessProbe").is_some())
        .map(|(place, _)| place)
        .collect();
    if probing.is_empty() && !containers.is_empty() {
        let has_port = |container: &Node| !container.list("ports").is_empty();
        let serving = containers.iter().position(has_port).unwrap_or(0);
        let message = "is missing: a replica counts as ready as soon as its port accepts, which may be before it can answer; write one, e.g. httpGet";
        hints.add(all.index(serving).key("readinessProbe"), message);
    }
    let by_kubelet = by_kubelet(spec, containers, &probing, all, hints);
    for (place, container) in containers.iter().enumerate() {
        let at = all.index(place);
        for key in ["readinessProbe", "startupProbe"] {
            if let Some(probe) = container.get(key) {
                delays(probe, &at.key(key), by_kubelet, hints);
            }
        }
    }
}

/// Whether only the kubelet can tell that a replica is ready; told why.
fn by_kubelet(
    spec: &Node,
    containers: &[Node],
    probing: &[usize],
    all: &FieldPath,
    hints: &mut Hints,
) -> bool {
    let mut found = false;
    let mut tell = |at: FieldPath, why: &str| {
        let message = format!(
            "{why}: Rouse can't probe it by itself, and requests wait for the kubelet, the API server and the watch of it, tenths of a second and more"
        );
        hints.add(at, message);
        found = true;
    };
    if !spec.list("readinessGates").is_empty() {
        let at = FieldPath::of("spec.template.spec.readinessGates");
        tell(at, "is for others to open");
    }
    for (place, container) in containers.iter().enumerate() {
        if container.get("startupProbe").is_some() {
            let why = "comes before readiness; the readinessProbe alone would do, for nothing else kills a slow start unless a livenessProbe does";
            tell(all.index(place).key("startupProbe"), why);
        }
    }
    if let [_, second, ..] = probing {
        let why = "is the second: all of them must be ready";
        tell(all.index(*second).key("readinessProbe"), why);
    }
    for place in probing {
        let probe = containers
            .get(*place)
            .and_then(|container| container.get("readinessProbe"));
        let at = all.index(*place).key("readinessProbe");
        let has = |field: &str| probe.is_some_and(|probe| probe.find(field).is_some());
        let scheme = probe.and_then(|probe| probe.text("httpGet.scheme"));
        if has("exec") {
            let why = "runs a command inside; httpGet, tcpSocket or grpc is probed from outside, within milliseconds";
            tell(at.key("exec"), why);
        } else if scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("HTTPS")) {
            tell(at.key("httpGet").key("scheme"), "is HTTPS");
        }
    }
    found
}

fn delays(probe: &Node, at: &FieldPath, by_kubelet: bool, hints: &mut Hints) {
    let whole = |key: &str| match probe.get(key) {
        Some(Node::Number(number)) => number.as_i64(),
        _ => None,
    };
    let delay = whole("initialDelaySeconds").unwrap_or(0);
    if delay > 0 {
        let message = match by_kubelet {
            true => format!(
                "is {delay}: no request is answered before that, however fast it starts; leave it out"
            ),
            false => format!(
                "is {delay}: Rouse probes at once all the same, but whoever goes by Ready (a rollout, the Service) waits; leave it out"
            ),
        };
        hints.add(at.key("initialDelaySeconds"), message);
    }
    let period = whole("periodSeconds").unwrap_or(PERIOD);
    if by_kubelet && period > 1 {
        let unless = match whole("periodSeconds") {
            Some(_) => "",
            None => " unless said",
        };
        let message = format!(
            "is {period}{unless}: a replica that is ready just after a try waits so many seconds for the next; write 1"
        );
        hints.add(at.key("periodSeconds"), message);
    }
}
