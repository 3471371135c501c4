//! Header fields on their way through (RFC 9110 section 7.6, RFC 7239).

use std::net::{IpAddr, SocketAddr};

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

const VIA: HeaderValue = HeaderValue::from_static("1.1 rouse");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// What a connection adds to each of its requests; made once per connection.
#[derive(Debug, Clone)]
pub(crate) struct Forwarding {
    /// The peer's forwarding headers are believed and extended.
    trusted: bool,
    address: HeaderValue,
    element: HeaderValue,
    scheme: HeaderValue,
}

impl Forwarding {
    /// `tls`: the connection came over TLS to the one in front, which said so.
    pub(crate) fn new(peer: SocketAddr, trusted: bool, tls: bool) -> Self {
        let scheme = if tls { "https" } else { "http" };
        let ip = peer.ip().to_canonical();
        let node = match ip {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("\"[{ip}]\""),
        };
        let value = |text: String| {
            HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("unknown"))
        };
        Self {
            trusted,
            address: value(ip.to_string()),
            element: value(format!("for={node};proto={scheme}")),
            scheme: HeaderValue::from_static(scheme),
        }
    }

    fn apply(&self, headers: &mut HeaderMap, host: &HeaderValue) {
        if self.trusted {
            extend(headers, FORWARDED_FOR, &self.address);
            extend(headers, header::FORWARDED, &self.element);
            headers
                .entry(FORWARDED_PROTO)
                .or_insert_with(|| self.scheme.clone());
            headers
                .entry(FORWARDED_HOST)
                .or_insert_with(|| host.clone());
        } else {
            headers.insert(FORWARDED_FOR, self.address.clone());
            headers.insert(header::FORWARDED, self.element.clone());
            headers.insert(FORWARDED_PROTO, self.scheme.clone());
            headers.insert(FORWARDED_HOST, host.clone());
        }
    }
}

/// Adds an element to a list field, in one line.
fn extend(headers: &mut HeaderMap, name: HeaderName, element: &HeaderValue) {
    let mut joined = Vec::new();
    for value in headers.get_all(&name) {
        joined.extend_from_slice(value.as_bytes());
        joined.extend_from_slice(b", ");
    }
    joined.extend_from_slice(element.as_bytes());
    headers.insert(
        name,
        HeaderValue::from_bytes(&joined).unwrap_or_else(|_| element.clone()),
    );
}

/// The protocol that an HTTP/1.1 message asks or agrees to switch to.
pub(crate) fn upgrade_protocol(headers: &HeaderMap) -> Option<HeaderValue> {
    let asked = headers
        .get_all(header::CONNECTION)
        .iter()
        .any(|value| has_token(value, "upgrade"));
    if asked {
        headers.get(header::UPGRADE).cloned()
    } else {
        None
    }
}

fn has_token(value: &HeaderValue, token: &str) -> bool {
    tokens(value).any(|found| found.eq_ignore_ascii_case(token))
}

fn tokens(value: &HeaderValue) -> impl Iterator<Item = &str> {
    value
        .to_str()
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|token| !token.is_empty())
}

/// Removes what belongs to one connection only.
fn remove_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(header::CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(header::CONNECTION)
            .iter()
            .flat_map(tokens)
            .filter_map(|token| HeaderName::from_bytes(token.as_bytes()).ok())
            // A client must not be able to have the proxy remove these (they frame the message or say who asks).
            .filter(|name| {
                *name != header::HOST
                    && *name != header::CONTENT_LENGTH
                    && *name != FORWARDED_FOR
                    && *name != header::FORWARDED
            })
            .collect();
        for name in named {
            headers.remove(name);
        }
        headers.remove(header::CONNECTION);
    }
    headers.remove(header::TRANSFER_ENCODING);
    headers.remove(header::UPGRADE);
    headers.remove(KEEP_ALIVE);
    headers.remove(PROXY_CONNECTION);
}

/// Prepares a request's headers for an endpoint. `host` is the authority that the client asked for.
pub(crate) fn request_headers(
    headers: &mut HeaderMap,
    host: &HeaderValue,
    forwarding: &Forwarding,
    http1: bool,
    upgrade: Option<&HeaderValue>,
) {
    let trailers = headers
        .get_all(header::TE)
        .iter()
        .any(|value| has_token(value, "trailers"));
    remove_hop_by_hop(headers);
    headers.remove(header::TE);
    // The proxy answers the expectation itself, when it begins to read the body.
    headers.remove(header::EXPECT);
    if trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    if http1 {
        if headers.get(header::HOST) != Some(host) {
            headers.insert(header::HOST, host.clone());
        }
        if let Some(protocol) = upgrade {
            headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(header::UPGRADE, protocol.clone());
        } else if trailers {
            headers.insert(header::CONNECTION, HeaderValue::from_static("te"));
        }
        join_cookies(headers);
    } else {
        headers.remove(header::HOST);
    }
    forwarding.apply(headers, host);
    headers.append(header::VIA, VIA);
}

/// HTTP/2 may split a cookie over several fields; HTTP/1.1 servers want one (RFC 9113 section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    if headers.get_all(header::COOKIE).iter().nth(1).is_none() {
        return;
    }
    let parts: Vec<&[u8]> = headers
        .get_all(header::COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if let Ok(joined) = HeaderValue::from_bytes(&parts.join(&b"; "[..])) {
        headers.insert(header::COOKIE, joined);
    }
}

/// Prepares an answer's headers for the client; `upgrade`: it is the answer to a switch of protocols.
pub(crate) fn answer_headers(headers: &mut HeaderMap, upgrade: Option<&HeaderValue>) {
    // Chunks were read, whatever length stands beside them (RFC 9112 section 6.3); it would cut the answer.
    if headers.contains_key(header::TRANSFER_ENCODING) {
        headers.remove(header::CONTENT_LENGTH);
    }
    remove_hop_by_hop(headers);
    if let Some(protocol) = upgrade {
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, protocol.clone());
    }
    headers.append(header::VIA, VIA);
}

#[cfg(test)]
mod tests;
