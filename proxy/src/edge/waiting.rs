//! The waiting page: what a browser shows while a workload wakes.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Response, StatusCode};

use crate::forward::AnswerBody;
use crate::workload::Waking;

/// No scripts, nothing from elsewhere; the page's own style alone.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
);
const STYLE: &str = include_str!("waiting.css");

/// Between two looks of the page at first, and at most.
const SOONEST: u64 = 1;
const LATEST: u64 = 5;

/// Whether a browser is about to show the answer as a page. Browsers tell so by `Sec-Fetch-Mode`, but not over plain HTTP: there they
/// are known by wanting HTML by name.
pub(crate) fn is_navigation(method: &Method, headers: &HeaderMap) -> bool {
    let reads = *method == Method::GET || *method == Method::HEAD;
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let mode = text("sec-fetch-mode");
    let html = |value: &HeaderValue| {
        let kinds = value.to_str().unwrap_or_default().split(',');
        let mut names = kinds.map(|kind| kind.split(';').next().unwrap_or_default().trim());
        names.any(|name| name.eq_ignore_ascii_case("text/html"))
    };
    reads
        && mode.is_none_or(|mode| mode == "navigate")
        && !headers.contains_key(header::UPGRADE)
        && headers.get_all(header::ACCEPT).iter().any(html)
}

/// 503 with the page, which loads itself again until somebody else answers.
pub(crate) fn page(host: &str, waking: &Waking) -> Response<AnswerBody> {
    let again = (waking.waited.as_secs() / 5).clamp(SOONEST, LATEST);
    let html = render(host, waking, again);
    let mut answer = Response::new(AnswerBody::own(Bytes::from(html)));
    *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let headers = answer.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::VARY, "accept, sec-fetch-mode"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex"));
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(header::RETRY_AFTER, HeaderValue::from(again));
    answer
}

fn render(host: &str, waking: &Waking, again: u64) -> String {
    let host = match host {
        "" => "The service".to_owned(),
        host => format!("<strong>{}</strong>", escaped(host)),
    };
    let waited = seconds(waking.waited);
    let (title, body) = match &waking.failure {
        Some(failure) => (
            "It can't start",
            format!(
                "<p>{host} was asleep, and can't be started at the moment.</p>\n<p class=\"cause\"><b>{}</b> {}</p>\n<p role=\"status\">This page tries again by itself.</p>",
                escaped(&failure.reason),
                escaped(&failure.message)
            ),
        ),
        None => ("Waking up", waiting(&host, waking, &waited)),
    };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<meta http-equiv=\"refresh\" content=\"{again}\">\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    )
}

fn waiting(host: &str, waking: &Waking, waited: &str) -> String {
    let mut body = format!(
        "<p>{host} was asleep. It is being started, and opens here by itself as soon as it answers.</p>\n<progress aria-label=\"Starting\"></progress>\n<ol>\n"
    );
    let now = usize::from(waking.starting);
    let steps = [
        "A replica is asked for",
        "A replica is starting",
        "It answers",
    ];
    for (at, step) in steps.into_iter().enumerate() {
        let (class, said) = match at.cmp(&now) {
            std::cmp::Ordering::Less => (" class=\"done\"", " <span>done</span>"),
            std::cmp::Ordering::Equal => (" class=\"now\" aria-current=\"step\"", ""),
            std::cmp::Ordering::Greater => ("", ""),
        };
        // Writing to a String can't fail.
        let _ = writeln!(body, "<li{class}>{step}{said}</li>");
    }
    let _ = write!(body, "</ol>\n<p role=\"status\">Waiting for {waited}.</p>");
    if let Some(progress) = &waking.progress {
        let (reason, message) = (escaped(&progress.reason), escaped(&progress.message));
        let _ = write!(
            body,
            "\n<p class=\"cause\">It takes longer than usual: <b>{reason}</b> {message}</p>"
        );
    }
    body
}

fn seconds(length: Duration) -> String {
    match length.as_secs() {
        0 => "less than a second".to_owned(),
        1 => "1 second".to_owned(),
        seconds @ ..120 => format!("{seconds} seconds"),
        seconds => format!("{} minutes", seconds / 60),
    }
}

/// As text of HTML, and of an attribute's value in quotes.
fn escaped(text: &str) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut out, c| {
            match c {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '"' => out.push_str("&quot;"),
                '\'' => out.push_str("&#39;"),
                c if c.is_control() && c != '\n' => out.push(' '),
                c => out.push(c),
            }
            out
        })
}

#[cfg(test)]
mod tests;
