use std::fmt;
use std::str::FromStr;

use http::Uri;

/// Which servers triggers may ask, and with which roles: whoever writes a workload can have the scaler send requests there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Allowed {
    servers: Vec<AllowedUrl>,
    roles: Vec<String>,
}

/// A server, and on it what is below a path.
#[derive(Debug, Clone, PartialEq)]
pub struct AllowedUrl(Uri);

impl Allowed {
    /// These servers and no others; none at all: every server. The same of AWS' roles, by ARN; a `*` at the end stands for whatever follows.
    #[must_use]
    pub fn only(servers: Vec<AllowedUrl>, roles: Vec<String>) -> Self {
        Self { servers, roles }
    }

    /// # Errors
    /// With a sentence, when it is none of those.
    pub(super) fn check(&self, url: &Uri) -> Result<(), String> {
        if self.servers.is_empty() || self.servers.iter().any(|allowed| allowed.covers(url)) {
            return Ok(());
        }
        Err(
            "its server is none of those that triggers may ask by the scaler's --trigger-servers"
                .to_owned(),
        )
    }
}

impl Allowed {
    /// # Errors
    /// With a sentence, when it is none of those.
    pub(super) fn check_role(&self, role: &str) -> Result<(), String> {
        let covers = |allowed: &String| match allowed.strip_suffix('*') {
            Some(start) => role.starts_with(start),
            None => role == allowed,
        };
        if self.roles.is_empty() || self.roles.iter().any(covers) {
            return Ok(());
        }
        Err(
            "its role is none of those that triggers may assume by the scaler's --trigger-roles"
                .to_owned(),
        )
    }
}

impl AllowedUrl {
    fn covers(&self, url: &Uri) -> bool {
        let port = |uri: &Uri| {
            uri.port_u16().or(match uri.scheme_str() {
                Some("https") => Some(443),
                _ => Some(80),
            })
        };
        let host = |uri: &Uri| uri.host().unwrap_or_default().to_ascii_lowercase();
        let prefix = self.0.path().trim_end_matches('/');
        // A segment that goes up leads elsewhere than it seems.
        let honest = !url
            .path()
            .split('/')
            .any(|segment| matches!(segment, "." | "..") || segment.contains('%'));
        let below = url.path().strip_prefix(prefix);
        let below = below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let same = self.0.scheme() == url.scheme()
            && host(&self.0) == host(url)
            && port(&self.0) == port(url);
        same && below && (honest || prefix.is_empty())
    }
}

impl FromStr for AllowedUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("{text:?} is not a server's address; write one such as http://prometheus:9090")
        };
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let plain = uri.query().is_none()
            && uri
                .authority()
                .is_some_and(|authority| !authority.as_str().contains('@'));
        let known = matches!(uri.scheme_str(), Some("http" | "https"));
        if plain && known {
            Ok(Self(uri))
        } else {
            Err(wrong())
        }
    }
}

impl fmt::Display for AllowedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
