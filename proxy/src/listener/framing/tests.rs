use std::sync::Arc;

use super::*;
use crate::client::Choice;
use crate::forward::Forwarding;

fn client() -> Arc<Client> {
    let peer = "127.0.0.1:1".parse().unwrap();
    Arc::new(Client::new(
        peer,
        Forwarding::new(peer, false, false),
        Choice::Untouched,
    ))
}

/// Which of the heads in `wire` are refused, with the bytes cut in pieces of every small size.
fn refused(wire: &str, heads: usize) -> Vec<bool> {
    let verdict = |piece: usize| {
        let client = client();
        let mut framing = Framing::new();
        for bytes in wire.as_bytes().chunks(piece) {
            framing.pass(bytes, &client);
        }
        assert_eq!(
            framing.heads, heads as u64,
            "heads of {wire:?} in pieces of {piece}"
        );
        (0..heads).map(|_| client.begin().1).collect::<Vec<_>>()
    };
    let whole = verdict(wire.len());
    for piece in 1..wire.len().min(40) {
        assert_eq!(verdict(piece), whole, "{wire:?} in pieces of {piece}");
    }
    whole
}

#[test]
fn plain_messages_pass_also_when_pipelined() {
    let wire = "GET / HTTP/1.1\r\nHost: a\r\n\r\n\
                POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nA: B\n\
                POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nT: 1\r\n\r\n\
                \r\nGET /2 HTTP/1.1\r\n\r\n";
    assert_eq!(refused(wire, 4), [false; 4]);
}

#[test]
fn a_length_beside_an_encoding_is_refused_in_either_order() {
    for fields in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 5",
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5, 5",
        "Content-Length: +5",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip, chunked",
        "Content-Length : 5",
        "X: 1\r\n folded",
        "X: 1\nY: 2",
    ] {
        let first = format!("POST / HTTP/1.1\r\n{fields}\r\n\r\n");
        let client = client();
        Framing::new().pass(first.as_bytes(), &client);
        assert!(client.begin().1, "{fields:?}");
    }
}

#[test]
fn the_second_of_two_is_found() {
    let wire = "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcPOST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(refused(wire, 2), [false, true]);
}

#[test]
fn what_is_in_a_body_is_not_a_head() {
    let inner = "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n";
    let wire = format!(
        "POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n{inner}GET / HTTP/1.1\r\n\r\n",
        inner.len()
    );
    assert_eq!(refused(&wire, 2), [false, false]);
}
