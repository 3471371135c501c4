mod formats;

use std::collections::BTreeMap;
use std::time::Duration;

use http::{StatusCode, Uri};
use rouse_api::workload::{Asked, Polled};
use serde_json::json;

use super::poll::Pace;
use super::{Allowed, percent, prometheus};

fn value(body: &serde_json::Value, empty_is_zero: bool) -> Result<f64, String> {
    prometheus::value(StatusCode::OK, body.to_string().as_bytes(), empty_is_zero)
}

fn vector(result: &serde_json::Value) -> serde_json::Value {
    json!({"status": "success", "data": {"resultType": "vector", "result": result}})
}

#[test]
fn answers_of_prometheus() {
    let one = |text: &str| vector(&json!([{"metric": {}, "value": [1_700_000_000.0, text]}]));
    for (text, wanted) in [("2", 2.0), ("0", 0.0), ("-1.5", -1.5), ("1e3", 1000.0)] {
        assert_eq!(value(&one(text), false), Ok(wanted));
    }
    let scalar = json!({"data": {"resultType": "scalar", "result": [1.0, "3"]}});
    assert_eq!(value(&scalar, false), Ok(3.0));
    // What KEDA's servers may leave out.
    let bare = json!({"data": {"result": [{"value": ["1", "2"]}]}});
    assert_eq!(value(&bare, false), Ok(2.0));
    for empty in [vector(&json!([])), one("NaN"), one("+Inf"), one("-Inf")] {
        assert_eq!(value(&empty, true), Ok(0.0), "{empty}");
        let error = value(&empty, false).unwrap_err();
        assert!(error.contains("whenEmpty: zero"), "{error}");
    }
    let several = vector(&json!([{"value": [1, "1"]}, {"value": [1, "2"]}]));
    for wrong in [
        several,
        one("many"),
        one(""),
        vector(&json!([{"value": []}])),
        vector(&json!([{"value": ["1"]}])),
        vector(&json!([{"value": [1, 2]}])),
        vector(&json!([{}])),
        vector(&json!({})),
        json!({"data": {"resultType": "matrix", "result": []}}),
        json!({"data": {"resultType": "string", "result": [1, "2"]}}),
        json!({"status": "success"}),
        json!([]),
        json!("html"),
    ] {
        for empty_is_zero in [true, false] {
            assert!(value(&wrong, empty_is_zero).is_err(), "{wrong}");
        }
    }
}

#[test]
fn a_refusal_is_told_in_the_servers_words_and_bounded() {
    let body = json!({"status": "error", "errorType": "bad_data", "error": "parse error: unexpected end of input"});
    let refused = |status, body: &[u8]| prometheus::value(status, body, true).unwrap_err();
    assert_eq!(
        refused(StatusCode::BAD_REQUEST, body.to_string().as_bytes()),
        "the server answers 400 Bad Request: parse error: unexpected end of input"
    );
    let long = refused(StatusCode::BAD_GATEWAY, "x".repeat(100_000).as_bytes());
    assert!(long.len() < 300, "{long}");
}

fn polled(activation: f64, every: Duration) -> Polled {
    Polled {
        of: Asked::Pods(BTreeMap::new()),
        target: 1.0,
        total: false,
        activation,
        every,
        timeout: Duration::from_secs(3),
        fallback: None,
    }
}

#[test]
fn near_its_threshold_it_is_asked_more_often_and_while_it_fails_less() {
    let seconds = Duration::from_secs;
    let polled = polled(5.0, seconds(20));
    let mut pace = Pace::default();
    assert_eq!(pace.next(&polled, Some(0.0)), seconds(20), "idle");
    assert_eq!(pace.next(&polled, Some(0.0)), seconds(20));
    assert_eq!(pace.next(&polled, Some(3.0)), seconds(5), "something");
    assert_eq!(pace.next(&polled, Some(3.0)), seconds(5), "not enough");
    assert_eq!(pace.next(&polled, Some(9.0)), seconds(5), "it moves");
    assert_eq!(pace.next(&polled, Some(9.0)), seconds(20), "it stands");
    let failing: Vec<_> = (0..4).map(|_| pace.next(&polled, None)).collect();
    assert_eq!(failing, [20, 40, 60, 60].map(seconds));
    assert_eq!(pace.next(&polled, Some(9.0)), seconds(20));
    // Never more often than each second, nor less often than it is wished for.
    let mut pace = Pace::default();
    let often = self::polled(5.0, seconds(1));
    assert_eq!(pace.next(&often, Some(3.0)), seconds(1));
    let seldom = self::polled(5.0, seconds(3600));
    assert_eq!(pace.next(&seldom, None), seconds(3600));
}

#[test]
fn only_servers_that_are_allowed_are_asked() {
    let allowed = |list: &[&str], url: &str| {
        let list = list.iter().map(|url| url.parse().unwrap()).collect();
        let url: Uri = url.parse().unwrap();
        Allowed::only(list, Vec::new()).check(&url).is_ok()
    };
    assert!(allowed(&[], "http://anywhere/x"));
    let one = ["http://prometheus:9090", "https://mimir/tenant/a"];
    assert!(allowed(
        &one,
        "http://prometheus:9090/api/v1/query?query=up"
    ));
    assert!(allowed(&one, "http://PROMETHEUS:9090/api"));
    assert!(allowed(&one, "https://mimir:443/tenant/a/api"));
    for other in [
        "https://prometheus:9090/api",
        "http://prometheus/api",
        "http://prometheus.evil:9090/api",
        "http://169.254.169.254/latest",
        "https://mimir/tenant/ab/api",
        "https://mimir/tenant/a/../b/api",
        "https://mimir/tenant/a/%2e%2e/b/api",
        "https://mimir/",
    ] {
        assert!(!allowed(&one, other), "{other}");
    }
    for wrong in ["prometheus:9090", "ftp://x", "http://a@b", "http://a?b", ""] {
        assert!(wrong.parse::<super::AllowedUrl>().is_err(), "{wrong}");
    }
}

#[test]
fn queries_are_encoded() {
    assert_eq!(
        percent::encoded("sum(rate(x{a=\"b c\"}[2m])) + 1"),
        "sum%28rate%28x%7Ba%3D%22b%20c%22%7D%5B2m%5D%29%29%20%2B%201"
    );
}
