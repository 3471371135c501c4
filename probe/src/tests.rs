use std::convert::Infallible;
use std::net::Ipv4Addr;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;

const AMPLE: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(100);

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn closed() -> SocketAddr {
    listen().await.1
}

async fn try_once(action: &ProbeAction, address: SocketAddr) -> Result<(), ProbeFailure> {
    attempt(action, address, &BTreeMap::new(), None, AMPLE).await
}

fn says(outcome: Result<(), ProbeFailure>) -> String {
    outcome.unwrap_err().to_string()
}

fn get(path: &str, headers: &[(&str, &str)], port: Option<u16>) -> ProbeAction {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    ProbeAction::HttpGet {
        path: path.to_owned(),
        headers: headers.iter().map(owned).collect(),
        port,
    }
}

/// Answers one connection with `answer` and yields what was asked.
async fn serve_once(answer: &'static str) -> (SocketAddr, JoinHandle<String>) {
    let (listener, address) = listen().await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            asked.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8(asked).unwrap()
    });
    (address, server)
}

#[tokio::test]
async fn http_takes_200_to_399() {
    for (answer, ready) in [
        ("HTTP/1.1 200 OK\r\n\r\n", true),
        ("HTTP/1.1 204 No Content\r\n\r\n", true),
        (
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n",
            true,
        ),
        ("HTTP/1.1 399 Odd\r\n\r\n", true),
        ("HTTP/1.1 400 Bad Request\r\n\r\n", false),
        ("HTTP/1.1 503 Service Unavailable\r\n\r\n", false),
    ] {
        let (address, server) = serve_once(answer).await;
        let outcome = try_once(&get("/healthz", &[], None), address).await;
        server.await.unwrap();
        assert_eq!(outcome.is_ok(), ready, "{answer:?}: {outcome:?}");
    }
}

#[tokio::test]
async fn http_failure_names_path_and_status() {
    let (address, _server) = serve_once("HTTP/1.1 503 x\r\n\r\n").await;
    let outcome = try_once(&get("/healthz?full=1", &[], None), address).await;
    assert_eq!(says(outcome), "GET /healthz?full=1 answered 503");
}

#[tokio::test]
async fn http_does_not_wait_for_the_body() {
    let (listener, address) = listen().await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegins";
        stream.write_all(head).await.unwrap();
        let mut rest = Vec::new();
        // Ends when the attempt closes its connection.
        let _ = stream.read_to_end(&mut rest).await;
    });
    try_once(&get("/", &[], None), address).await.unwrap();
    server.await.unwrap();
}

#[tokio::test]
async fn http_sends_the_kubelets_kind_of_request() {
    let (address, server) = serve_once("HTTP/1.1 200 OK\r\n\r\n").await;
    try_once(&get("/a?b=c", &[("X-Token", "t")], None), address)
        .await
        .unwrap();
    let asked = server.await.unwrap().to_lowercase();
    assert!(asked.starts_with("get /a?b=c http/1.1\r\n"), "{asked}");
    for line in [
        &format!("host: {address}"),
        "user-agent: rouse-probe",
        "connection: close",
        "x-token: t",
    ] {
        assert!(
            asked.contains(&format!("\r\n{line}\r\n")),
            "{line}: {asked}"
        );
    }
}

#[tokio::test]
async fn http_headers_replace_host_and_user_agent() {
    let (address, server) = serve_once("HTTP/1.1 200 OK\r\n\r\n").await;
    let headers = [("Host", "app.example.com"), ("User-Agent", "kube-probe")];
    try_once(&get("/", &headers, None), address).await.unwrap();
    let asked = server.await.unwrap().to_lowercase();
    assert!(asked.contains("\r\nhost: app.example.com\r\n"), "{asked}");
    assert!(asked.contains("\r\nuser-agent: kube-probe\r\n"), "{asked}");
    assert_eq!(asked.matches("host:").count(), 1, "{asked}");
}

#[tokio::test]
async fn http_garbage_and_an_early_end_are_failures() {
    for answer in ["SSH-2.0-OpenSSH_9.9\r\n", ""] {
        let (address, _server) = serve_once(answer).await;
        let text = says(try_once(&get("/", &[], None), address).await);
        assert!(text.starts_with("GET /: "), "{text}");
    }
}

#[tokio::test]
async fn a_probe_that_cannot_be_sent_is_named() {
    let text = says(try_once(&get("healthz", &[], None), closed().await).await);
    assert!(text.contains("\"healthz\" is not a path"), "{text}");
    let text = says(try_once(&get("/", &[("a b", "c")], None), closed().await).await);
    assert!(text.contains("header \"a b\""), "{text}");
}

#[tokio::test]
async fn the_actions_port_replaces_the_address_port() {
    let (_listener, address) = listen().await;
    let elsewhere = SocketAddr::from((Ipv4Addr::LOCALHOST, closed().await.port()));
    let port = Some(address.port());
    try_once(&ProbeAction::TcpSocket { port }, elsewhere)
        .await
        .unwrap();
    let (address, _server) = serve_once("HTTP/1.1 200 OK\r\n\r\n").await;
    try_once(&get("/", &[], Some(address.port())), elsewhere)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_closed_port_says_connection_refused() {
    let address = closed().await;
    let grpc = ProbeAction::Grpc {
        service: String::new(),
        port: None,
    };
    for action in [
        ProbeAction::TcpSocket { port: None },
        get("/", &[], None),
        grpc,
    ] {
        let text = says(try_once(&action, address).await);
        assert_eq!(text, format!("connecting to {address}: connection refused"));
    }
}

#[tokio::test]
async fn silence_ends_at_the_timeout() {
    // The backlog accepts; nobody answers.
    let (_listener, address) = listen().await;
    let grpc = ProbeAction::Grpc {
        service: "x".to_owned(),
        port: None,
    };
    for (action, what) in [
        (get("/z", &[], None), "GET /z"),
        (grpc, "gRPC health check of \"x\""),
    ] {
        let outcome = attempt(&action, address, &BTreeMap::new(), None, SHORT).await;
        assert_eq!(says(outcome), format!("{what}: no answer within 100ms"));
    }
}

/// What the gRPC server under test answers.
#[derive(Clone, Copy)]
struct Health {
    http: u16,
    frame: &'static [u8],
    trailers: &'static [(&'static str, &'static str)],
    in_head: bool,
}

const HEALTHY: Health = Health {
    http: 200,
    frame: &[0, 0, 0, 0, 2, 1 << 3, 1],
    trailers: &[("grpc-status", "0")],
    in_head: false,
};

/// Probes a server that answers `health`; yields the outcome and the message that the server got.
async fn grpc(service: &str, health: Health) -> (Result<(), ProbeFailure>, Vec<u8>) {
    let (listener, address) = listen().await;
    let (sender, mut asked) = tokio::sync::mpsc::unbounded_channel();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let answer = service_fn(move |request: Request<Incoming>| {
            let sender = sender.clone();
            async move {
                assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
                assert_eq!(request.headers()["content-type"], "application/grpc");
                let message = request.into_body().collect().await.unwrap().to_bytes();
                sender.send(message.to_vec()).unwrap();
                let trailers: HeaderMap = health
                    .trailers
                    .iter()
                    .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
                    .collect();
                let (head, tail) = if health.in_head {
                    (trailers, None)
                } else {
                    (HeaderMap::new(), Some(Ok(trailers)))
                };
                let body = Full::new(Bytes::from_static(health.frame));
                let mut response = Response::new(body.with_trailers(async { tail }));
                *response.status_mut() = health.http.try_into().unwrap();
                *response.headers_mut() = head;
                Ok::<_, Infallible>(response)
            }
        });
        // The attempt hangs up as soon as it knows.
        let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(stream), answer)
            .await;
    });
    let action = ProbeAction::Grpc {
        service: service.to_owned(),
        port: None,
    };
    let outcome = try_once(&action, address).await;
    let message = asked.recv().await.unwrap();
    tokio::time::timeout(AMPLE, server).await.unwrap().unwrap();
    (outcome, message)
}

#[tokio::test]
async fn grpc_serving_is_ready() {
    let (outcome, message) = grpc("", HEALTHY).await;
    outcome.unwrap();
    assert_eq!(message, [0, 0, 0, 0, 0]);
    let (outcome, message) = grpc("a.B", HEALTHY).await;
    outcome.unwrap();
    assert_eq!(message, [0, 0, 0, 0, 5, 0x0a, 3, b'a', b'.', b'B']);
    let long = "x".repeat(300);
    let (outcome, message) = grpc(&long, HEALTHY).await;
    outcome.unwrap();
    assert_eq!(message[..8], [0, 0, 0, 1, 47, 0x0a, 0xac, 2]);
    assert_eq!(message.len(), 308);
}

#[tokio::test]
async fn grpc_passes_over_unknown_fields() {
    let frame = &[0, 0, 0, 0, 9, 0x12, 1, 7, 0x18, 0x80, 1, 1 << 3, 1, 0x20][..13];
    let (outcome, _) = grpc("", Health { frame, ..HEALTHY }).await;
    assert!(outcome.is_err(), "the length says 9 and 8 follow");
    let frame = &[0, 0, 0, 0, 8, 0x12, 1, 7, 0x18, 0x80, 1, 1 << 3, 1];
    grpc("", Health { frame, ..HEALTHY }).await.0.unwrap();
}

#[tokio::test]
async fn grpc_anything_else_is_not_ready() {
    let unimplemented: &[(&str, &str)] =
        &[("grpc-status", "12"), ("grpc-message", "no such method")];
    for (health, text) in [
        (
            Health {
                frame: &[0, 0, 0, 0, 2, 8, 2],
                ..HEALTHY
            },
            "NOT_SERVING",
        ),
        (
            Health {
                frame: &[0, 0, 0, 0, 0],
                ..HEALTHY
            },
            "UNKNOWN",
        ),
        (
            Health {
                frame: &[0, 0, 0, 0, 9, 8, 1],
                ..HEALTHY
            },
            "not a health",
        ),
        (
            Health {
                frame: &[1, 0, 0, 0, 2, 8, 1],
                ..HEALTHY
            },
            "not a health",
        ),
        (
            Health {
                frame: &[0; 8192],
                ..HEALTHY
            },
            "no grpc-status",
        ),
        (
            Health {
                trailers: unimplemented,
                ..HEALTHY
            },
            "grpc-status 12 no such method",
        ),
        (
            Health {
                trailers: unimplemented,
                in_head: true,
                frame: &[],
                ..HEALTHY
            },
            "grpc-status 12",
        ),
        (
            Health {
                trailers: &[],
                ..HEALTHY
            },
            "no grpc-status",
        ),
        (
            Health {
                http: 404,
                ..HEALTHY
            },
            "HTTP 404",
        ),
    ] {
        let said = says(grpc("svc", health).await.0);
        assert!(said.contains(text), "{said:?} lacks {text:?}");
        assert!(said.contains("\"svc\""), "{said}");
    }
}

#[tokio::test]
async fn grpc_against_http1_is_a_failure() {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer).await.unwrap();
    });
    let action = ProbeAction::Grpc {
        service: String::new(),
        port: None,
    };
    let text = says(try_once(&action, address).await);
    assert!(text.starts_with("gRPC health check"), "{text}");
}

fn shell(script: &str) -> ProbeAction {
    ProbeAction::Exec {
        command: ["sh", "-c", script].map(str::to_owned).into(),
    }
}

#[tokio::test]
async fn exec_judges_by_exit_status() {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    try_once(&shell("exit 0"), address).await.unwrap();
    let text = says(try_once(&shell("exit 3"), address).await);
    assert_eq!(text, "\"sh\" ended with exit status: 3");
    let missing = ProbeAction::Exec {
        command: vec!["/no/such/file".to_owned()],
    };
    let text = says(try_once(&missing, address).await);
    assert!(
        text.contains("\"/no/such/file\" could not be started"),
        "{text}"
    );
    let text = says(try_once(&ProbeAction::Exec { command: vec![] }, address).await);
    assert!(text.contains("command is empty"), "{text}");
}

#[tokio::test]
async fn exec_gets_environment_and_folder() {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("here"), "").unwrap();
    let env = BTreeMap::from([("PORT".to_owned(), "4711".to_owned())]);
    let action = shell(r#"test "$PORT" = 4711 && test -n "$PATH" && test -f here"#);
    attempt(&action, address, &env, Some(folder.path()), AMPLE)
        .await
        .unwrap();
    assert!(try_once(&action, address).await.is_err());
}

#[tokio::test]
async fn exec_past_its_time_is_killed_with_its_children() {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let folder = tempfile::tempdir().unwrap();
    let script = "sleep 1000 & echo $! > new && mv new child && wait";
    let action = shell(script);
    let env = BTreeMap::new();
    let child = folder.path().join("child");
    let running = attempt(&action, address, &env, Some(folder.path()), AMPLE);
    // Dropped, as a timeout drops it, once the grandchild runs.
    let started = async {
        while !child.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        outcome = running => panic!("it ended: {outcome:?}"),
        () = started => {}
    }
    let process = std::fs::read_to_string(&child).unwrap();
    let stat = format!("/proc/{}/stat", process.trim());
    let gone = async {
        // Gone, or a zombie that nobody has collected yet.
        while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(AMPLE, gone).await.unwrap();
}

#[tokio::test]
async fn exec_ends_at_the_timeout() {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let outcome = attempt(&shell("sleep 1000"), address, &BTreeMap::new(), None, SHORT).await;
    assert_eq!(says(outcome), "sh: no answer within 100ms");
}
