//! The resource's definition for Kubernetes, made of the same types that files are read into.
//!
//! Types become a structural schema ([`structural`]); what is between fields, and what a cluster doesn't have in this version,
//! becomes rules ([`rules`]). They refuse what [`crate::load::object`] refuses, as far as they can: names of
//! headers, addresses in hosts and lists with the same twice only show there, and so does all that is between objects.

mod rules;
mod structural;
#[cfg(test)]
mod tests;
mod yaml;

use schemars::JsonSchema;
use serde_json::{Value, json};

use crate::resource::{API_VERSION, KIND, LONGEST_NAME, NAME, Spec, Status};

/// The definition's name.
pub const NAME_OF_DEFINITION: &str = "scaledworkloads.rouse.dev";

/// Name, type and path of each column that `kubectl get` shows.
const COLUMNS: [(&str, &str, &str); 8] = [
    ("Target", "string", ".status.target"),
    ("Min", "integer", ".spec.replicas.min"),
    ("Max", "integer", ".spec.replicas.max"),
    ("Replicas", "integer", ".status.replicas"),
    ("State", "string", ".status.state"),
    ("Why", "string", ".status.why"),
    ("Class", "string", ".spec.class"),
    ("Age", "date", ".metadata.creationTimestamp"),
];

/// The `CustomResourceDefinition` of `ScaledWorkload`.
#[must_use]
pub fn definition() -> Value {
    let (group, version) = API_VERSION.split_once('/').unwrap_or_default();
    let column = |(name, kind, path): &(&str, _, _)| json!({"name": name, "type": kind, "jsonPath": path, "priority": u8::from(*name == "Class")});
    let plural = NAME_OF_DEFINITION.split_once('.').unwrap_or_default().0;
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": NAME_OF_DEFINITION},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": format!("{KIND}List"),
                "plural": plural,
                "singular": KIND.to_lowercase(),
                "shortNames": ["sw"],
            },
            "versions": [{
                "name": version,
                "served": true,
                "storage": true,
                "subresources": {"status": {}},
                "additionalPrinterColumns": COLUMNS.iter().map(column).collect::<Vec<_>>(),
                "schema": {"openAPIV3Schema": schema()},
            }],
        },
    })
}

/// [`definition`] as text for `kubectl apply`, the same for each build.
#[must_use]
pub fn yaml() -> String {
    let made = "# Made from api/src/resource by a test; to make it again: ROUSE_BLESS=1 cargo test -p rouse-api crd\n";
    format!("{made}{}", yaml::write(&definition()))
}

fn schema() -> Value {
    let mut spec = of::<Spec>();
    // A test holds that each finds its place.
    rules::add(&mut spec);
    let mut status = of::<Status>();
    if let Some(conditions) = status.pointer_mut("/properties/conditions") {
        conditions["x-kubernetes-list-type"] = json!("map");
        conditions["x-kubernetes-list-map-keys"] = json!(["type"]);
    }
    let name = json!({"type": "string", "pattern": NAME, "maxLength": LONGEST_NAME});
    json!({
        "type": "object",
        "description": "Something that scales with demand, and sleeps without any.",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object", "properties": {"name": name}},
            "spec": spec,
            "status": status,
        },
    })
}

/// A type's structural schema.
fn of<T: JsonSchema>() -> Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12().with(|settings| {
        settings.meta_schema = None;
        settings.inline_subschemas = true;
    });
    let mut schema = settings
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value();
    structural::make(&mut schema);
    schema
}
