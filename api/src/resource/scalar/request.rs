use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// A request's method, as it stands in requests: in upper case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Method(String);

/// What a `User-Agent` must look like: a star stands for any text, everything else for itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserAgent(String);

/// A network (`10.0.0.0/8`) or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network(pub IpNet);

impl Method {
    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl UserAgent {
    /// In bytes.
    pub(crate) const LONGEST: usize = 256;

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Method {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let valid = |c: u8| c.is_ascii_uppercase() || c == b'-' || c == b'_';
        if !text.is_empty() && text.len() <= 32 && text.bytes().all(valid) {
            return Ok(Self(text));
        }
        Err(format!(
            "{text:?} is not a method; write one in upper case, such as GET"
        ))
    }
}

impl TryFrom<String> for UserAgent {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let valid = |c: u8| (b' '..=b'~').contains(&c);
        if !text.is_empty() && text.len() <= Self::LONGEST && text.bytes().all(valid) {
            return Ok(Self(text));
        }
        Err(format!(
            "{text:?} is not a pattern for user agents; write 1 to {} printable ASCII characters, such as kube-probe/*",
            Self::LONGEST
        ))
    }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let network = text.parse::<IpNet>();
        let network = network.or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map(|network| Self(network.trunc())).map_err(|_| {
            format!("{text:?} is neither a network nor an address; write one such as 10.0.0.0/8 or 192.0.2.1")
        })
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for UserAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

super::written_as_text!(Method);
super::written_as_text!(UserAgent);
super::written_as_text!(Network);
