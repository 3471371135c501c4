//! What could be read in two ways is refused, its connection closed, and nothing of it reaches a replica.

use crate::support::{Gateway, Steady, get};

/// Each is one request with something behind it that must not become a second one.
const AMBIGUOUS: &[(&str, &str)] = &[
    (
        "Content-Length beside Transfer-Encoding",
        "POST / HTTP/1.1\r\nhost: hello.test\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "Transfer-Encoding beside Content-Length",
        "POST / HTTP/1.1\r\nhost: hello.test\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
    ),
    (
        "two lengths",
        "POST / HTTP/1.1\r\nhost: hello.test\r\ncontent-length: 5\r\ncontent-length: 0\r\n\r\nhello",
    ),
    (
        "the same length twice",
        "POST / HTTP/1.1\r\nhost: hello.test\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\nhello",
    ),
    (
        "a list of lengths",
        "POST / HTTP/1.1\r\nhost: hello.test\r\ncontent-length: 5, 5\r\n\r\nhello",
    ),
    (
        "a signed length",
        "POST / HTTP/1.1\r\nhost: hello.test\r\ncontent-length: +5\r\n\r\nhello",
    ),
    (
        "an encoding that is not chunked",
        "POST / HTTP/1.1\r\nhost: hello.test\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "two encodings",
        "POST / HTTP/1.1\r\nhost: hello.test\r\ntransfer-encoding: identity\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "a folded line",
        "GET / HTTP/1.1\r\nhost: hello.test\r\nx-a: 1\r\n folded\r\n\r\n",
    ),
    (
        "a space before a colon",
        "POST / HTTP/1.1\r\nhost: hello.test\r\ncontent-length : 5\r\n\r\nhello",
    ),
    ("no Host", "GET / HTTP/1.1\r\nx-a: 1\r\n\r\n"),
    (
        "two Hosts",
        "GET / HTTP/1.1\r\nhost: hello.test\r\nhost: other.test\r\n\r\n",
    ),
    ("a bad Host", "GET / HTTP/1.1\r\nhost: hello.test/x\r\n\r\n"),
    (
        "a Host with a user",
        "GET / HTTP/1.1\r\nhost: me@hello.test\r\n\r\n",
    ),
    (
        "a bare line feed after a field",
        "GET / HTTP/1.1\r\nhost: hello.test\nx-a: 1\r\n\r\n",
    ),
    (
        "bare line feeds only",
        "GET / HTTP/1.1\nhost: hello.test\n\n",
    ),
    (
        "chunks in HTTP/1.0",
        "POST / HTTP/1.0\r\nhost: hello.test\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "chunked twice",
        "POST / HTTP/1.1\r\nhost: hello.test\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "a space before the first field",
        "GET / HTTP/1.1\r\n host: hello.test\r\n\r\n",
    ),
    (
        "a target with a user",
        "GET http://me@hello.test/ HTTP/1.1\r\nhost: hello.test\r\n\r\n",
    ),
    (
        "a target that is a host alone",
        "GET hello.test HTTP/1.1\r\nhost: hello.test\r\n\r\n",
    ),
    (
        "a bare carriage return",
        "GET / HTTP/1.1\r\nhost: hello.test\r\nx-a: 1\rx-b: 2\r\n\r\n",
    ),
];

#[tokio::test]
async fn an_ambiguous_head_is_refused_and_closes() {
    let replica = Steady::start("a").await;
    let gateway = Gateway::hello(&[replica.address]).await;
    for (what, request) in AMBIGUOUS {
        let mut wire = gateway.wire().await;
        // What stands behind it must not be taken for a request.
        wire.send(format!("{request}{}", get("hello"))).await;
        let answer = String::from_utf8_lossy(&wire.rest().await).into_owned();
        assert!(answer.starts_with("HTTP/1.1 400 "), "{what}: {answer:?}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{what}: {answer:?}");
        assert_eq!(replica.seen().len(), 0, "{what}");
    }
    assert_eq!(gateway.get("hello").await.text(), "0 a");
}

#[tokio::test]
async fn an_ambiguous_request_behind_a_good_one_is_refused() {
    for (what, request) in AMBIGUOUS {
        let replica = Steady::start("a").await;
        let gateway = Gateway::hello(&[replica.address]).await;
        let mut wire = gateway.wire().await;
        let again = get("hello");
        wire.send(format!("{again}{request}{again}")).await;
        assert_eq!(wire.answer().await.text(), "0 a", "{what}");
        let answer = String::from_utf8_lossy(&wire.rest().await).into_owned();
        assert!(answer.starts_with("HTTP/1.1 400 "), "{what}: {answer:?}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{what}: {answer:?}");
        assert_eq!(replica.seen().len(), 1, "{what}");
    }
}

#[tokio::test]
async fn a_head_in_pieces_is_ambiguous_all_the_same() {
    let replica = Steady::start("a").await;
    let gateway = Gateway::hello(&[replica.address]).await;
    let mut wire = gateway.wire().await;
    for byte in AMBIGUOUS[0].1.as_bytes() {
        if wire.try_send([*byte]).await.is_err() {
            break;
        }
        tokio::task::yield_now().await;
    }
    let answer = String::from_utf8_lossy(&wire.rest().await).into_owned();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer:?}");
    assert_eq!(replica.seen().len(), 0);
}

#[tokio::test]
async fn a_bad_chunk_ends_the_request_and_the_connection() {
    let bad = [
        "zz\r\nhello\r\n0\r\n\r\n",
        "-1\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello!\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    ];
    for chunk in bad {
        let replica = Steady::start("a").await;
        let gateway = Gateway::hello(&[replica.address]).await;
        let mut wire = gateway.wire().await;
        let head = "POST / HTTP/1.1\r\nhost: hello.test\r\ntransfer-encoding: chunked\r\n\r\n";
        wire.send(format!("{head}{chunk}{}", get("hello"))).await;
        let answer = String::from_utf8_lossy(&wire.rest().await).into_owned();
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 400 "),
            "{chunk:?}: {answer:?}"
        );
        gateway.in_flight("hello", 0).await;
        let seen = replica.seen();
        assert!(
            seen.len() <= 1 && seen.iter().all(|one| one.body.is_none()),
            "{chunk:?}: {seen:?}"
        );
    }
}

#[tokio::test]
async fn garbage_is_closed() {
    let replica = Steady::start("a").await;
    let gateway = Gateway::hello(&[replica.address]).await;
    let tls = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".as_slice();
    let noise: Vec<u8> = (0..10_000_u32)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8 | 0x80)
        .collect();
    for bytes in [
        tls,
        &noise,
        b"\0\0\0\0\r\n\r\n",
        b"GET\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nno",
    ] {
        let mut wire = gateway.wire().await;
        let _ = wire.try_send(bytes).await;
        let answer = String::from_utf8_lossy(&wire.rest().await).into_owned();
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 400 "),
            "{answer:?}"
        );
    }
    assert_eq!(replica.seen().len(), 0);
    assert_eq!(gateway.get("hello").await.status, 200);
}

#[tokio::test]
async fn connect_is_refused() {
    let replica = Steady::start("a").await;
    let gateway = Gateway::hello(&[replica.address]).await;
    let mut wire = gateway.wire().await;
    wire.send("CONNECT hello.test:80 HTTP/1.1\r\nhost: hello.test:80\r\n\r\n")
        .await;
    wire.answer().await.is_problem(501, "connect-not-supported");
    wire.closed().await;
    assert_eq!(replica.seen().len(), 0);
}
