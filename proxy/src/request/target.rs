//! The host that a request asks for (RFC 9112 section 3.2).

use http::header::{self, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Uri, Version};

use crate::error::ProxyError;

/// The authority as the client wrote it, checked.
#[derive(Debug)]
pub(super) struct Target(HeaderValue);

impl Target {
    /// Takes it from the request's target, or else from its one Host header.
    ///
    /// # Errors
    /// When there is none (but in HTTP/1.0), more than one, or one that is not a host.
    pub(super) fn of<B>(request: &Request<B>) -> Result<Self, ProxyError> {
        let mut hosts = request.headers().get_all(header::HOST).iter();
        let host = hosts.next();
        if hosts.next().is_some() {
            return Err(ProxyError::BadRequest("there is more than one Host header"));
        }
        let uri = request.uri();
        // The authority form (RFC 9112 section 3.2.3): for CONNECT alone.
        if uri.scheme().is_none() && uri.authority().is_some() {
            return Err(ProxyError::BadRequest(
                "the request target is a host alone; write a path",
            ));
        }
        let value = match (uri.authority(), host) {
            (Some(authority), _) => HeaderValue::from_str(authority.as_str())
                .map_err(|_| ProxyError::BadRequest("the authority is not a host"))?,
            (None, Some(host)) => host.clone(),
            (None, None) if request.version() == Version::HTTP_10 => HeaderValue::from_static(""),
            (None, None) => return Err(ProxyError::BadRequest("there is no Host header")),
        };
        if is_host(value.as_bytes()) {
            Ok(Self(value))
        } else {
            Err(ProxyError::BadRequest(
                "the Host header is not a host with an optional port",
            ))
        }
    }

    pub(super) fn host(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    pub(super) fn value(&self) -> &HeaderValue {
        &self.0
    }

    /// The target as it goes upstream: origin form for HTTP/1.1, with scheme and authority for HTTP/2.
    pub(super) fn into_uri(self, uri: Uri, http1: bool) -> Uri {
        if http1 && uri.authority().is_none() {
            return uri;
        }
        let mut parts = uri.into_parts();
        parts
            .path_and_query
            .get_or_insert(PathAndQuery::from_static("/"));
        if http1 {
            (parts.scheme, parts.authority) = (None, None);
        } else {
            parts.scheme = Some(Scheme::HTTP);
            parts.authority = Authority::try_from(self.0.as_bytes())
                .ok()
                .or(parts.authority)
                .or(Some(Authority::from_static("localhost")));
        }
        Uri::from_parts(parts).unwrap_or_default()
    }
}

/// `host [":" port]`, by the characters that RFC 3986 allows in them, without percent-encoding; empty is allowed (HTTP/1.0).
fn is_host(value: &[u8]) -> bool {
    let (host, port) = match value {
        [b'[', ..] => match value.iter().position(|byte| *byte == b']') {
            Some(end) => (&value[1..end], &value[end + 1..]),
            None => return false,
        },
        _ => value.split_at(
            value
                .iter()
                .position(|byte| *byte == b':')
                .unwrap_or(value.len()),
        ),
    };
    let bracketed = value.first() == Some(&b'[');
    let name =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let address = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let host_fits = if bracketed {
        !host.is_empty() && host.iter().all(address)
    } else {
        host.iter().all(name)
    };
    let port_fits = match port {
        [] => true,
        [b':', digits @ ..] => digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    host_fits && port_fits && (!host.is_empty() || value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for good in [
            "a",
            "A.example.com:8080",
            "127.0.0.1:1",
            "[::1]:80",
            "[::1]",
            "a_b",
            "",
            "a:",
        ] {
            assert!(is_host(good.as_bytes()), "{good:?}");
        }
        for bad in [
            "a b", "a/b", "a@b", "a:b", "a:123456", "[::1", "[::1]x", ":80", "a,b", "[]",
            "a\u{e9}", "a%20", "a:80:90",
        ] {
            assert!(!is_host(bad.as_bytes()), "{bad:?}");
        }
    }

    #[test]
    fn upstream_targets() {
        let target = || Target(HeaderValue::from_static("a.example:81"));
        let uri = |text: &'static str| Uri::from_static(text);
        assert_eq!(target().into_uri(uri("/x?y"), true), "/x?y");
        assert_eq!(target().into_uri(uri("http://other/x?y"), true), "/x?y");
        assert_eq!(target().into_uri(uri("/x"), false), "http://a.example:81/x");
    }
}
