use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ObjectName;

/// Something that is not written into the resource. Exactly one; read anew when it changes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CredentialSpec {
    /// In a cluster: of a Secret in the workload's own namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretKey>,
    /// Standalone: a file, relative to the resource's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// One entry of a Secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretKey {
    /// The Secret.
    pub name: ObjectName,
    /// The entry.
    #[schemars(extend("maxLength" = 253, "pattern" = "^[-._a-zA-Z0-9]+$"))]
    pub key: String,
}

/// User name and password.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BasicSpec {
    /// Without a colon.
    #[schemars(extend("pattern" = "^[^:]*$"))]
    pub username: String,
    /// The password.
    pub password: CredentialSpec,
}

/// Certificates for a server with https. Each is PEM.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServerTls {
    /// Whom to trust. Absent: whom the system trusts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<CredentialSpec>,
    /// The client's certificate, with `key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<CredentialSpec>,
    /// Its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<CredentialSpec>,
}
