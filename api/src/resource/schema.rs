//! Schemas of fields for which Kubernetes knows no type: text or a mapping, and what no cluster uses.

use schemars::{Schema, SchemaGenerator, json_schema};

/// Any mapping.
pub(super) fn anything(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

/// Text or a mapping, of which this version supports one word in a cluster.
pub(super) fn only_hold(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"x-kubernetes-preserve-unknown-fields": true, "enum": ["hold"]})
}

/// Text or a mapping, of which this version supports one word in a cluster.
pub(super) fn only_none(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"x-kubernetes-preserve-unknown-fields": true, "enum": ["none"]})
}
