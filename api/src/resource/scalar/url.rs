use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a server is: `http://prometheus:9090`, or with `https` and a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServerUrl(String);

/// In characters.
pub(crate) const LONGEST_URL: usize = 2048;

impl ServerUrl {
    /// As written, without slashes at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn is_one(text: &str) -> bool {
        let rest = text
            .strip_prefix("http://")
            .or_else(|| text.strip_prefix("https://"));
        let Some(rest) = rest else {
            return false;
        };
        let authority = rest.split('/').next().unwrap_or_default();
        let visible = |c: u8| c.is_ascii_graphic() && !b"?#@\"<>\\^`{|}".contains(&c);
        let host = authority
            .rsplit_once(':')
            .map_or(authority, |(host, _)| host);
        let port = authority.strip_prefix(host).unwrap_or_default();
        let port = port
            .strip_prefix(':')
            .is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
        // An address of IPv6 ends with its bracket.
        let six = authority.starts_with('[') && authority.ends_with(']');
        text.len() <= LONGEST_URL && rest.bytes().all(visible) && !host.is_empty() && (port || six)
    }
}

impl TryFrom<String> for ServerUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if Self::is_one(&text) {
            return Ok(Self(text.trim_end_matches('/').to_owned()));
        }
        Err(format!(
            "{text:?} is not a server's address; write one such as http://prometheus:9090, without a query and without a password"
        ))
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

super::written_as_text!(ServerUrl);

/// What is asked for: `http://api.team:8080/stats?of=jobs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RequestUrl(String);

impl RequestUrl {
    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RequestUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (server, query) = text.split_once('?').unwrap_or((&text, ""));
        let in_query = |c: u8| c.is_ascii_graphic() && !b"#\"<>\\^`{|}".contains(&c);
        if text.len() <= LONGEST_URL && ServerUrl::is_one(server) && query.bytes().all(in_query) {
            return Ok(Self(text));
        }
        Err(format!(
            "{text:?} is not a URL; write one such as http://api:8080/stats, without a password"
        ))
    }
}

impl fmt::Display for RequestUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

super::written_as_text!(RequestUrl);
