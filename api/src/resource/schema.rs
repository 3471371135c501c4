//! Schemas of fields for which Kubernetes knows no type: text or a mapping, and what no cluster uses.

use schemars::{Schema, SchemaGenerator, json_schema};

/// Any mapping.
pub(super) fn anything(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

/// Text or a mapping: Kubernetes has no type for that, and can look at the words alone. What is in the mapping the scaler checks.
pub(super) fn while_waking(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"x-kubernetes-preserve-unknown-fields": true, "pattern": "^(hold|page)$", "minProperties": 1, "maxProperties": 1})
}

/// As [`while_waking`].
pub(super) fn tls(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"x-kubernetes-preserve-unknown-fields": true, "pattern": "^(none|mesh)$", "minProperties": 1})
}
