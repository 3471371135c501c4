//! What a replica sees of a request, and a client of an answer.

use crate::support::{Gateway, Steady, Upstream, routed};

const ASKED: &str = "GET /a/../b?c=%20d HTTP/1.1\r\nHost: Hello.Test:8080\r\n\
    X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.test\r\n\
    Forwarded: for=1.2.3.4;proto=https\r\nVia: 1.0 before\r\n\
    Connection: keep-alive, X-Private\r\nX-Private: secret\r\nKeep-Alive: timeout=5\r\n\
    Proxy-Connection: keep-alive\r\nTE: trailers, deflate\r\nUpgrade: h2c\r\nX-Kept: yes\r\n\r\n";

#[tokio::test]
async fn an_untrusted_peer_cannot_speak_for_others() {
    let replica = Steady::start("a").await;
    let gateway = Gateway::hello(&[replica.address]).await;
    assert_eq!(gateway.ask(ASKED).await.status, 200);
    let head = replica.nth(1).await.head;
    assert_eq!(head.uri, "/a/../b?c=%20d", "the target is not rewritten");
    let all = |name: &str| -> Vec<_> {
        let values = head.headers.get_all(name).iter();
        values.map(|value| value.to_str().unwrap()).collect()
    };
    assert_eq!(all("host"), ["Hello.Test:8080"]);
    assert_eq!(all("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(all("x-forwarded-proto"), ["http"]);
    assert_eq!(all("x-forwarded-host"), ["Hello.Test:8080"]);
    assert_eq!(all("forwarded"), ["for=127.0.0.1;proto=http"]);
    assert_eq!(all("via"), ["1.0 before", "1.1 rouse"]);
    assert_eq!(all("x-kept"), ["yes"]);
    assert_eq!(all("te"), ["trailers"]);
    for gone in ["x-private", "keep-alive", "proxy-connection", "upgrade"] {
        assert_eq!(all(gone), [""; 0], "{gone}");
    }
}

#[tokio::test]
async fn a_trusted_peer_is_believed_and_extended() {
    let replica = Steady::start("a").await;
    let trusting = |config: &mut rouse_proxy::ProxyConfig| {
        config.trusted = vec!["127.0.0.0/8".parse().unwrap()];
    };
    let gateway = Gateway::routing(trusting, vec![routed("hello", |_| {})]).await;
    gateway.awake("hello", &[replica.address]).await;
    assert_eq!(gateway.ask(ASKED).await.status, 200);
    let head = replica.nth(1).await.head;
    let one = |name: &str| head.headers.get(name).unwrap().to_str().unwrap();
    assert_eq!(one("x-forwarded-for"), "1.2.3.4, 127.0.0.1");
    assert_eq!(one("x-forwarded-proto"), "https");
    assert_eq!(one("x-forwarded-host"), "evil.test");
    assert_eq!(
        one("forwarded"),
        "for=1.2.3.4;proto=https, for=127.0.0.1;proto=http"
    );
}

#[tokio::test]
async fn the_absolute_form_wins_over_host_and_goes_on_in_origin_form() {
    let replica = Steady::start("a").await;
    let gateway = Gateway::hello(&[replica.address]).await;
    let asked = "GET http://hello.test/x?y HTTP/1.1\r\nhost: other.test\r\n\r\n";
    assert_eq!(gateway.ask(asked).await.status, 200);
    let head = replica.nth(1).await.head;
    assert_eq!(head.uri, "/x?y");
    assert_eq!(head.headers["host"], "hello.test");
    let bare = "GET http://hello.test HTTP/1.1\r\nhost: hello.test\r\n\r\n";
    assert_eq!(gateway.ask(bare).await.status, 200);
    assert_eq!(replica.nth(2).await.head.uri, "/");
}

#[tokio::test]
async fn an_answers_hop_by_hop_fields_stay_behind() {
    let upstream = Upstream::bind().await;
    let gateway = Gateway::hello(&[upstream.address]).await;
    let mut client = gateway.wire().await;
    client
        .send("GET / HTTP/1.1\r\nhost: hello.test\r\n\r\n")
        .await;
    let mut replica = upstream.accept().await;
    replica.head().await;
    replica
        .send("HTTP/1.1 200 OK\r\nconnection: close, x-private\r\nx-private: 1\r\nkeep-alive: timeout=1\r\nproxy-connection: close\r\nx-kept: yes\r\ncontent-length: 2\r\n\r\nok")
        .await;
    let answer = client.answer().await;
    for gone in ["connection", "x-private", "keep-alive", "proxy-connection"] {
        assert_eq!(answer.header(gone), None, "{gone}");
    }
    assert_eq!(answer.header("x-kept"), Some("yes"));
    assert_eq!(answer.header("via"), Some("1.1 rouse"));
    assert_eq!(answer.header("server-timing"), None, "it was not held");
    // The replica's close is not the client's.
    client
        .send("GET / HTTP/1.1\r\nhost: hello.test\r\n\r\n")
        .await;
    let mut replica = upstream.accept().await;
    replica.head().await;
    replica.send("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 204);
}

#[tokio::test]
async fn a_client_cannot_have_framing_or_its_address_removed() {
    let replica = Steady::start("a").await;
    let gateway = Gateway::hello(&[replica.address]).await;
    let asked = "POST / HTTP/1.1\r\nhost: hello.test\r\ncontent-length: 3\r\n\
        connection: host, content-length, x-forwarded-for, forwarded, via\r\n\r\npay";
    assert_eq!(gateway.ask(asked).await.text(), "3 a");
    let head = replica.nth(1).await.head;
    assert_eq!(head.headers["host"], "hello.test");
    assert_eq!(head.headers["x-forwarded-for"], "127.0.0.1");
    assert_eq!(head.headers["via"], "1.1 rouse");
}

#[tokio::test]
async fn the_asterisk_form_goes_on_as_it_is() {
    let replica = Steady::start("a").await;
    let gateway = Gateway::hello(&[replica.address]).await;
    let asked = "OPTIONS * HTTP/1.1\r\nhost: hello.test\r\n\r\n";
    assert_eq!(gateway.ask(asked).await.status, 200);
    let head = replica.nth(1).await.head;
    assert_eq!(
        (head.method, head.uri),
        (http::Method::OPTIONS, http::Uri::from_static("*"))
    );
}
