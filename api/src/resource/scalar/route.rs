use std::fmt;

use serde::{Deserialize, Serialize};

use crate::workload::{HostPattern, InvalidHost, InvalidPath, PathPrefix};

/// A host of a route: a name, a wildcard (`*.example.com`), or `*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Host(pub HostPattern);

/// A path prefix of a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Path(pub PathPrefix);

/// A header's name, as written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HeaderName(String);

/// A header's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HeaderValue(String);

impl HeaderName {
    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl HeaderValue {
    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Host {
    type Error = InvalidHost;

    fn try_from(text: String) -> Result<Self, InvalidHost> {
        HostPattern::parse(&text).map(Self)
    }
}

impl TryFrom<String> for Path {
    type Error = InvalidPath;

    fn try_from(text: String) -> Result<Self, InvalidPath> {
        PathPrefix::parse(&text).map(Self)
    }
}

impl TryFrom<String> for HeaderName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        // A token of RFC 9110, section 5.6.2.
        let token = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c);
        if !text.is_empty() && text.len() <= 256 && text.bytes().all(token) {
            return Ok(Self(text));
        }
        Err(format!(
            "{text:?} is not a header's name; write one such as x-tenant"
        ))
    }
}

impl TryFrom<String> for HeaderValue {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        // RFC 9110, section 5.5, without what only old senders use.
        let valid = |c: u8| c == b'\t' || (b' '..=b'~').contains(&c);
        if text.bytes().all(valid) && text.trim() == text {
            return Ok(Self(text));
        }
        Err(format!(
            "{text:?} is not a header's value; write printable ASCII without space at the ends"
        ))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for HeaderValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

super::written_as_text!(Host);
super::written_as_text!(Path);
super::written_as_text!(HeaderName);
super::written_as_text!(HeaderValue);
