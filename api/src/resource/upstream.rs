use std::fmt;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Deserializer, Serialize};

/// How replicas are reached.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Upstream {
    /// Absent: pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dial: Option<Dial>,
    /// Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::tls")]
    pub tls: Option<Tls>,
}

/// Which address is dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Dial {
    /// Each replica's own.
    Pod,
    /// The Service's.
    Service,
}

/// TLS towards replicas: `none`, `mesh`, or files.
#[derive(Debug, Clone, PartialEq)]
pub enum Tls {
    /// Plain text.
    None,
    /// The mesh's client certificate from files; the peer's SPIFFE identity is checked.
    Mesh,
    /// Certificates of one's own.
    Files(TlsFiles),
}

/// Certificates as PEM files, each by its path in the proxies' folder for this namespace (`--upstream-certs`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TlsFiles {
    /// Whom to trust.
    pub ca: String,
    /// The client's certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert: Option<String>,
    /// The client's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The name in the replicas' certificates. Absent: `SERVICE.NAMESPACE.svc`; standalone: `localhost`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
}

impl Serialize for Tls {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_str("none"),
            Self::Mesh => serializer.serialize_str("mesh"),
            Self::Files(files) => files.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Tls {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TlsVisitor;
        impl<'de> Visitor<'de> for TlsVisitor {
            type Value = Tls;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("none, mesh, or a mapping with ca")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Tls, E> {
                match text {
                    "none" => Ok(Tls::None),
                    "mesh" => Ok(Tls::Mesh),
                    other => Err(E::unknown_variant(other, &["none", "mesh"])),
                }
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Tls, A::Error> {
                TlsFiles::deserialize(MapAccessDeserializer::new(map)).map(Tls::Files)
            }
        }
        deserializer.deserialize_any(TlsVisitor)
    }
}
