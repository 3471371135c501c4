use std::fmt;

use serde::{Deserialize, Serialize};

/// A Kubernetes object's name: a DNS-1123 subdomain, that is labels with dots between, 253 characters at most.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ObjectName(String);

/// An API's group and version: `apps/v1`, or a version alone for the core group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ApiVersion(String);

/// A Kubernetes object's kind: `Deployment`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Kind(String);

fn is_label(text: &str) -> bool {
    let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    let ends = !text.starts_with('-') && !text.ends_with('-');
    !text.is_empty() && text.bytes().all(inner) && ends
}

/// In characters: of a whole name.
const LONGEST: usize = 253;

fn is_subdomain(text: &str) -> bool {
    text.len() <= LONGEST && text.split('.').all(is_label)
}

impl TryFrom<String> for ObjectName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if is_subdomain(&text) {
            return Ok(Self(text));
        }
        Err(format!(
            "{text:?} is not an object's name; write a-z, 0-9, - and ., with a letter or digit at both ends"
        ))
    }
}

impl TryFrom<String> for ApiVersion {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (group, version) = match text.split_once('/') {
            Some((group, version)) => (Some(group), version),
            None => (None, text.as_str()),
        };
        let digit = version.strip_prefix('v').and_then(|v| v.bytes().next());
        let is_version = digit.is_some_and(|c| c.is_ascii_digit())
            && version.len() <= 63
            && text.len() <= LONGEST
            && is_label(version)
            && !version.contains('-');
        if is_version && group.is_none_or(is_subdomain) {
            return Ok(Self(text));
        }
        Err(format!(
            "{text:?} is not an API's group and version; write one such as apps/v1"
        ))
    }
}

impl TryFrom<String> for Kind {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let letter = text.starts_with(|c: char| c.is_ascii_uppercase());
        if letter && text.len() <= 63 && text.bytes().all(|c| c.is_ascii_alphanumeric()) {
            return Ok(Self(text));
        }
        Err(format!(
            "{text:?} is not a kind; write one such as Deployment"
        ))
    }
}

macro_rules! text {
    ($type:ty) => {
        impl $type {
            /// As written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        super::written_as_text!($type);
    };
}
text!(ObjectName);
text!(ApiVersion);
text!(Kind);
