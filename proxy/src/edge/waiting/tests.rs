use std::sync::Arc;

use rouse_api::link::Failure;

use super::*;

fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
    let field = |(name, value): &(&'static str, &str)| {
        (http::HeaderName::from_static(name), value.parse().unwrap())
    };
    fields.iter().map(field).collect()
}

#[test]
fn browsers_navigations_and_nothing_else() {
    let browser = (
        "accept",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    );
    for (method, fields, wanted) in [
        (
            Method::GET,
            &[browser, ("sec-fetch-mode", "navigate")][..],
            true,
        ),
        (Method::GET, &[browser], true),
        (Method::HEAD, &[browser], true),
        (
            Method::GET,
            &[("accept", "application/json, Text/HTML;q=0.1")],
            true,
        ),
        (
            Method::POST,
            &[browser, ("sec-fetch-mode", "navigate")],
            false,
        ),
        (Method::GET, &[browser, ("sec-fetch-mode", "cors")], false),
        (Method::GET, &[("accept", "*/*")], false),
        (Method::GET, &[("accept", "text/html-x")], false),
        (Method::GET, &[], false),
        (Method::GET, &[browser, ("upgrade", "websocket")], false),
    ] {
        let found = is_navigation(&method, &headers(fields));
        assert_eq!(found, wanted, "{method} {fields:?}");
    }
}

fn waking() -> Waking {
    Waking {
        waited: Duration::from_secs(3),
        starting: false,
        failure: None,
        progress: None,
    }
}

#[test]
fn it_says_how_far_it_is() {
    let html = render("a.example.com", &waking(), 1);
    assert!(html.contains("<strong>a.example.com</strong>"), "{html}");
    assert!(
        html.contains("aria-current=\"step\">A replica is asked for"),
        "{html}"
    );
    assert!(html.contains("Waiting for 3 seconds."), "{html}");
    let starting = Waking {
        starting: true,
        ..waking()
    };
    let html = render("a", &starting, 1);
    assert!(
        html.contains("aria-current=\"step\">A replica is starting"),
        "{html}"
    );
    assert!(html.contains("asked for <span>done</span>"), "{html}");
}

#[test]
fn nothing_of_others_becomes_markup() {
    let evil = "<script>alert('x')</script>\"&";
    let failure = Some(Arc::new(Failure {
        reason: evil.to_owned(),
        message: evil.to_owned(),
    }));
    let failed = Waking {
        failure: failure.clone(),
        ..waking()
    };
    let slow = Waking {
        progress: failure,
        ..waking()
    };
    for waking in [failed, slow] {
        let html = render(evil, &waking, 1);
        assert!(
            !html.contains("<script") && !html.contains("alert('"),
            "{html}"
        );
        assert_eq!(
            html.matches("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;")
                .count(),
            3,
            "{html}"
        );
    }
}

#[test]
fn it_needs_nothing_from_elsewhere_and_is_kept_nowhere() {
    let answer = page("a", &waking());
    let header = |name: &str| answer.headers()[name].to_str().unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(
        (header("cache-control"), header("retry-after")),
        ("no-store", "1")
    );
    let html = render("a", &waking(), 1);
    for outside in ["src=", "href=", "url(", "http://", "https://", "@import"] {
        assert!(!html.contains(outside), "{outside}");
    }
}

#[test]
fn the_longer_it_takes_the_less_often_it_looks() {
    let again = |seconds| {
        let waking = Waking {
            waited: Duration::from_secs(seconds),
            ..waking()
        };
        page("a", &waking).headers()["retry-after"]
            .to_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!([again(0), again(12), again(3600)], ["1", "2", "5"]);
}
