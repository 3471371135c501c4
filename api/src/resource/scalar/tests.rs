use serde_json::{Value, from_value, json, to_value};

use super::*;

fn duration(text: &str) -> Option<std::time::Duration> {
    from_value::<Duration>(json!(text)).ok().map(Duration::get)
}

#[test]
fn durations_are_numbers_with_units() {
    use std::time::Duration as D;
    for (text, wanted) in [
        ("250ms", D::from_millis(250)),
        ("60s", D::from_secs(60)),
        ("5m", D::from_secs(300)),
        ("1h30m", D::from_secs(5400)),
        ("1m500ms", D::from_millis(60_500)),
        ("0s", D::ZERO),
        ("8760h", Duration::MAX),
    ] {
        assert_eq!(duration(text), Some(wanted), "{text}");
    }
    for text in [
        "",
        "5",
        "s",
        "5 s",
        "-5s",
        "1.5s",
        "5d",
        "5s5m",
        "5s5s",
        "8761h",
        "99999999999999999999s",
        "5000000000000000000h",
        "5µs",
        "５s",
    ] {
        assert_eq!(duration(text), None, "{text}");
    }
}

#[test]
fn durations_are_written_in_their_largest_units() {
    for (text, wanted) in [
        ("90s", "1m30s"),
        ("24h", "24h"),
        ("0ms", "0s"),
        ("1001ms", "1s1ms"),
    ] {
        let read: Duration = from_value(json!(text)).unwrap();
        assert_eq!(to_value(read).unwrap(), json!(wanted));
    }
}

#[test]
fn quantities_are_kubernetes_ones() {
    for (written, thousandths) in [
        (json!("16Mi"), 16_000 << 20),
        (json!("5m"), 5),
        (json!("1.5Gi"), 1500 << 30),
        (json!("0.5"), 500),
        (json!("1k"), 1_000_000),
        (json!(2), 2000),
        (json!(0.25), 250),
        (json!(0), 0),
    ] {
        let read: Quantity = from_value(written.clone()).unwrap();
        assert_eq!(read.thousandths(), thousandths, "{written}");
    }
    for written in [
        json!(""),
        json!("Mi"),
        json!("-1"),
        json!("1.2.3"),
        json!("1."),
        json!(".5"),
        json!("1mi"),
        json!("0.5m"),
        json!("1e3"),
        json!("100Pi"),
        json!(true),
        json!(-1),
        json!("1.0000000001"),
        json!("99999999999999999999999"),
    ] {
        assert!(
            from_value::<Quantity>(written.clone()).is_err(),
            "{written}"
        );
    }
    let whole = |text: &str| from_value::<Quantity>(json!(text)).unwrap().whole();
    assert_eq!(whole("1Ki"), Some(1024));
    assert_eq!(whole("1500m"), None);
}

#[test]
fn names_are_dns_labels() {
    let reads = |value: Value| from_value::<Name>(value).is_ok();
    assert!(reads(json!("a")) && reads(json!("a-1")) && reads(json!("0")));
    for text in ["", "A", "-a", "a-", "a.b", "a_b", "é", &"a".repeat(64)] {
        assert!(!reads(json!(text)), "{text}");
    }
}

#[test]
fn headers_are_those_of_http() {
    for text in ["", "x y", "x:", "é", "x\n"] {
        assert!(from_value::<HeaderName>(json!(text)).is_err(), "{text}");
    }
    for text in [" x", "x\n", "é", "a\u{0}"] {
        assert!(from_value::<HeaderValue>(json!(text)).is_err(), "{text}");
    }
    assert!(from_value::<HeaderName>(json!("X-Tenant")).is_ok());
    assert!(from_value::<HeaderValue>(json!("a b")).is_ok());
}
