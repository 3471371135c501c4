use http_body_util::BodyExt;

use super::*;

fn name() -> String {
    "default/hello".to_owned()
}

/// An error, its status, stable name, gRPC status and Retry-After, and whether it closes the connection.
type Row = (
    ProxyError,
    u16,
    &'static str,
    &'static str,
    Option<&'static str>,
    bool,
);

/// Every error.
#[rustfmt::skip]
fn table() -> Vec<Row> {
    let after = Duration::from_secs(1);
    let failure = Arc::new(Failure { reason: "StartError".to_owned(), message: "100% gone\n".to_owned() });
    vec![
        (ProxyError::BadRequest("no"), 400, "bad-request", "13", None, true),
        (ProxyError::Connect, 501, "connect-not-supported", "12", None, true),
        (ProxyError::NoRoute, 404, "no-route", "12", None, false),
        (ProxyError::NotReady, 503, "not-ready", "14", Some("1"), false),
        (ProxyError::HoldFull { workload: name(), progress: None }, 503, "hold-full", "8", Some("1"), false),
        (ProxyError::AllHoldFull, 503, "hold-full", "8", Some("1"), false),
        (ProxyError::HoldTimeout { workload: name(), after, progress: None }, 504, "hold-timeout", "4", None, false),
        (ProxyError::Failed { workload: name(), failure }, 503, "workload-failed", "14", Some("5"), false),
        (ProxyError::Removed, 503, "workload-removed", "14", Some("5"), false),
        (ProxyError::UpstreamClosed(name()), 502, "upstream-closed", "13", None, false),
        (ProxyError::UpstreamRefused(name()), 502, "upstream-refused", "14", None, false),
        (ProxyError::UpstreamTimeout { workload: name(), after }, 504, "upstream-timeout", "4", None, false),
        (ProxyError::ClientBody, 400, "client-body", "13", None, true),
    ]
}

#[tokio::test]
async fn each_is_one_problem() {
    for (error, status, name, _, retry, closes) in table() {
        let answer = error.answer(false);
        let header =
            |name: header::HeaderName| answer.headers().get(name).map(|v| v.to_str().unwrap());
        assert_eq!(answer.status(), status, "{error:?}");
        assert_eq!(
            header(header::CONTENT_TYPE),
            Some("application/problem+json")
        );
        assert_eq!(header(header::CACHE_CONTROL), Some("no-store"));
        assert_eq!(header(header::RETRY_AFTER), retry, "{error:?}");
        assert_eq!(
            header(header::CONNECTION),
            closes.then_some("close"),
            "{error:?}"
        );
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem["type"], format!("urn:rouse:problem:{name}"));
        assert_eq!(problem["status"], status);
        assert_eq!(problem["detail"], error.to_string());
        assert_eq!(error.name(), name);
    }
}

#[test]
fn each_is_one_grpc_status() {
    for (error, _, name, code, ..) in table() {
        let answer = error.answer(true);
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["grpc-status"], code, "{error:?}");
        let message = answer.headers()["grpc-message"].to_str().unwrap();
        assert!(message.starts_with(&format!("{name}: ")), "{message}");
    }
}

#[test]
fn only_what_was_never_processed_is_unavailable() {
    let names: Vec<_> = table()
        .iter()
        .filter(|(.., code, _, _)| *code == "14")
        .map(|(error, ..)| error.name())
        .collect();
    assert_eq!(
        names,
        [
            "not-ready",
            "workload-failed",
            "workload-removed",
            "upstream-refused"
        ]
    );
}

#[test]
fn messages_are_percent_encoded() {
    assert_eq!(
        percent_encode("100% gone\n\u{e9}~"),
        "100%25 gone%0A%C3%A9~"
    );
}

#[tokio::test]
async fn what_the_start_waits_for_is_told() {
    let progress = Some(Arc::new(Failure {
        reason: "Unschedulable".to_owned(),
        message: "pod hello-x: 0/1 nodes are available".to_owned(),
    }));
    let workload = name();
    let after = Duration::from_secs(1);
    for error in [
        ProxyError::HoldTimeout {
            workload: workload.clone(),
            after,
            progress: progress.clone(),
        },
        ProxyError::HoldFull { workload, progress },
    ] {
        let body = error.answer(false).into_body();
        let body = body.collect().await.unwrap().to_bytes();
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem["progress"]["reason"], "Unschedulable");
        assert_eq!(
            problem["progress"]["message"],
            "pod hello-x: 0/1 nodes are available"
        );
        let detail = problem["detail"].as_str().unwrap();
        let end = " (Unschedulable: pod hello-x: 0/1 nodes are available)";
        assert!(detail.ends_with(end), "{detail}");
    }
}
