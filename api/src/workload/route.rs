use std::fmt;

/// One way to a workload: all of its parts must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Any of these. Empty: any host.
    pub hosts: Vec<HostPattern>,
    /// Any of these. Empty: any path.
    pub path_prefixes: Vec<PathPrefix>,
    /// All of these.
    pub headers: Vec<(String, HeaderMatch)>,
}

/// What a header must be. Names are lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderMatch {
    /// There, whatever its value (written `"*"`).
    Present,
    /// There, and one of its values is exactly this.
    Exact(String),
}

/// An exact host (`api.example.com`), a wildcard (`*.example.com`: any number of labels in front, at least one) or any (`*`).
/// Lower case, without a port or a trailing dot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// Exactly this host.
    Exact(String),
    /// Any host that ends with a dot and this suffix; stored without `*.`.
    Wildcard(String),
    /// Every host.
    Any,
}

/// Why a host pattern is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidHost(pub String);

/// Why a path prefix is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidPath(pub String);

impl HostPattern {
    /// Parses a host as people write it in a resource.
    ///
    /// # Errors
    /// When it is not a host name, an IP address, `*.` and a host name, or `*`; the error says what would be right.
    pub fn parse(text: &str) -> Result<Self, InvalidHost> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let lower = text.to_ascii_lowercase();
        match lower.strip_prefix("*.") {
            Some(suffix) => check_host(suffix, text).map(|()| Self::Wildcard(suffix.to_owned())),
            None => check_host(&lower, text).map(|()| Self::Exact(lower)),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(host) => f.write_str(host),
            Self::Wildcard(suffix) => write!(f, "*.{suffix}"),
            Self::Any => f.write_str("*"),
        }
    }
}

fn check_host(host: &str, written: &str) -> Result<(), InvalidHost> {
    let error = |why: &str| {
        Err(InvalidHost(format!(
            "{written:?} is not a host: {why}; write a name such as api.example.com, a wildcard such as *.example.com, or \"*\" for any host"
        )))
    };
    if host.is_empty() {
        return error("it is empty");
    }
    if host.starts_with('[') && host.ends_with(']') {
        return match host[1..host.len() - 1].parse::<std::net::Ipv6Addr>() {
            Ok(_) => Ok(()),
            Err(_) => error("the brackets hold no IPv6 address"),
        };
    }
    if host.contains("://") || host.contains('/') {
        return error("a scheme or a path does not belong here");
    }
    if host.contains(':') {
        return error("a port does not belong here");
    }
    if host.contains('*') {
        return error("a star may only stand alone or before the first dot");
    }
    if host.len() > 253 {
        return error("it is longer than 253 characters");
    }
    for label in host.split('.') {
        if label.is_empty() {
            return error("a label is empty");
        }
        if label.len() > 63 {
            return error("a label is longer than 63 characters");
        }
        let inner = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
        if !label.bytes().all(inner) {
            return error("labels are made of letters, digits, - and _");
        }
        if label.starts_with('-') || label.ends_with('-') {
            return error("a label may not begin or end with -");
        }
    }
    Ok(())
}

/// A path prefix that matches on segment borders: `/v1` matches `/v1` and `/v1/x`, not `/v10`. Stored without a trailing
/// slash; `/` is stored empty, and is the default.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct PathPrefix(String);

impl PathPrefix {
    /// Parses a prefix as people write it in a resource.
    ///
    /// # Errors
    /// When it does not begin with a slash or could never match; the error says what would be right.
    pub fn parse(text: &str) -> Result<Self, InvalidPath> {
        let error = |why: &str| {
            Err(InvalidPath(format!(
                "{text:?} is not a path prefix: {why}; write one such as /v1 or /api/users"
            )))
        };
        if !text.starts_with('/') {
            return error("it does not begin with /");
        }
        if text.contains(['?', '#']) {
            return error("a query or a fragment does not belong here");
        }
        if text.bytes().any(|c| c <= b' ' || c == 0x7f) {
            return error("it has a space or a control character");
        }
        if text.contains('*') {
            return error("there are no wildcards in paths");
        }
        if text.contains("//") {
            return error("it has an empty segment");
        }
        Ok(Self(text.strip_suffix('/').unwrap_or(text).to_owned()))
    }

    /// Without a trailing slash; empty for `/`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PathPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "/" } else { &self.0 })
    }
}
