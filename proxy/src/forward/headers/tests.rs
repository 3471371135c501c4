use super::*;

fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    fields
        .iter()
        .map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        })
        .collect()
}

fn forwarding(trusted: bool) -> Forwarding {
    Forwarding::new("192.0.2.7:4711".parse().unwrap(), trusted, false)
}

fn sent(fields: &[(&'static str, &'static str)], trusted: bool) -> HeaderMap {
    let mut headers = map(fields);
    request_headers(
        &mut headers,
        &HeaderValue::from_static("a.example"),
        &forwarding(trusted),
        true,
        None,
    );
    headers
}

#[test]
fn hop_by_hop_fields_and_those_named_by_connection_go() {
    let headers = sent(
        &[
            ("connection", "close, X-Secret"),
            ("x-secret", "1"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("te", "gzip"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("accept", "*/*"),
        ],
        false,
    );
    for gone in [
        "connection",
        "x-secret",
        "keep-alive",
        "proxy-connection",
        "te",
        "transfer-encoding",
        "upgrade",
    ] {
        assert!(!headers.contains_key(gone), "{gone}");
    }
    assert_eq!(headers["accept"], "*/*");
    assert_eq!(headers["via"], "1.1 rouse");
}

#[test]
fn connection_cannot_remove_what_frames_the_message() {
    let headers = sent(
        &[
            ("connection", "host, content-length, x-forwarded-for"),
            ("content-length", "3"),
        ],
        false,
    );
    assert_eq!(headers["content-length"], "3");
    assert_eq!(headers["host"], "a.example");
    assert_eq!(headers["x-forwarded-for"], "192.0.2.7");
}

#[test]
fn te_trailers_stays() {
    let headers = sent(&[("te", "gzip, trailers")], false);
    assert_eq!(headers["te"], "trailers");
    assert_eq!(headers["connection"], "te");
}

#[test]
fn a_stranger_cannot_claim_an_address() {
    let claims = [
        ("x-forwarded-for", "10.0.0.1"),
        ("forwarded", "for=10.0.0.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "b"),
    ];
    let headers = sent(&claims, false);
    assert_eq!(headers["x-forwarded-for"], "192.0.2.7");
    assert_eq!(headers["forwarded"], "for=192.0.2.7;proto=http");
    assert_eq!(headers["x-forwarded-proto"], "http");
    assert_eq!(headers["x-forwarded-host"], "a.example");
}

#[test]
fn a_trusted_peer_is_believed_and_extended() {
    let claims = [
        ("x-forwarded-for", "10.0.0.1"),
        ("forwarded", "for=10.0.0.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "b"),
    ];
    let headers = sent(&claims, true);
    assert_eq!(headers["x-forwarded-for"], "10.0.0.1, 192.0.2.7");
    assert_eq!(
        headers["forwarded"],
        "for=10.0.0.1, for=192.0.2.7;proto=http"
    );
    assert_eq!(headers["x-forwarded-proto"], "https");
    assert_eq!(headers["x-forwarded-host"], "b");
}

#[test]
fn split_cookies_are_joined_for_http1() {
    let mut headers = HeaderMap::new();
    headers.append("cookie", HeaderValue::from_static("a=1"));
    headers.append("cookie", HeaderValue::from_static("b=2"));
    request_headers(
        &mut headers,
        &HeaderValue::from_static("h"),
        &forwarding(false),
        true,
        None,
    );
    assert_eq!(
        headers.get_all("cookie").iter().collect::<Vec<_>>(),
        ["a=1; b=2"]
    );
}

#[test]
fn an_upgrade_is_asked_for_on_the_next_hop() {
    let mut headers = map(&[
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "websocket"),
    ]);
    let protocol = upgrade_protocol(&headers);
    request_headers(
        &mut headers,
        &HeaderValue::from_static("h"),
        &forwarding(false),
        true,
        protocol.as_ref(),
    );
    assert_eq!(
        (&headers["connection"], &headers["upgrade"]),
        (
            &HeaderValue::from_static("upgrade"),
            &HeaderValue::from_static("websocket")
        )
    );
}
