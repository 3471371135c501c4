//! HTTP/1.1 or HTTP/2 with prior knowledge, told by a connection's first bytes.

use std::io;

use bytes::Bytes;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// What every HTTP/2 connection begins with (RFC 9113 section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detected {
    Http1,
    Http2,
    /// It ended before it said anything.
    Nothing,
}

/// Looks at the first bytes. Those that had to be taken from the socket come back with the answer. The caller sets the deadline.
pub(super) async fn detect(stream: &mut TcpStream) -> io::Result<(Detected, Bytes)> {
    let mut first = [0; PREFACE.len()];
    let seen = stream.peek(&mut first).await?;
    if seen == 0 {
        return Ok((Detected::Nothing, Bytes::new()));
    }
    if first[..seen] != PREFACE[..seen] {
        return Ok((Detected::Http1, Bytes::new()));
    }
    // A part of the preface: peeking again would spin, so it is taken.
    let mut have = 0;
    while have < PREFACE.len() {
        let read = stream.read(&mut first[have..]).await?;
        have += read;
        if read == 0 || first[..have] != PREFACE[..have] {
            return Ok((Detected::Http1, Bytes::copy_from_slice(&first[..have])));
        }
    }
    Ok((Detected::Http2, Bytes::copy_from_slice(&first)))
}
