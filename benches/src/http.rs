//! A GET, kept small: what it costs counts against what is measured.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, ToSocketAddrs};
use tokio::time::{sleep, timeout};

use crate::error::{Error, Result, While};

/// Largest answer read, in bytes.
const MAX_ANSWER: u64 = 4 << 20;

/// Where what is started here listens.
pub(crate) const LOOPBACK: &str = "127.0.0.1";

/// An answer: its status, its head and body as text.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
}

/// The whole answer, on a connection of its own.
pub(crate) async fn get(
    address: impl ToSocketAddrs + std::fmt::Debug,
    host: &str,
    path: &str,
    limit: Duration,
) -> Result<Answer> {
    let trying = format!("GET {path} of {address:?}");
    let trying = || trying.clone();
    timeout(limit, exchange(address, host, path))
        .await
        .while_(trying)?
        .while_(trying)
}

async fn exchange(address: impl ToSocketAddrs, host: &str, path: &str) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    stream
        .write_all(request(host, path, "close").as_bytes())
        .await?;
    let mut bytes = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut bytes).await?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let status = text
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    status
        .map(|status| Answer { status, text })
        .ok_or_else(|| std::io::Error::other("no HTTP answer"))
}

/// `connection` is that header's value.
pub(crate) fn request(host: &str, path: &str, connection: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: {connection}\r\n\r\n")
}

/// Waits until a path answers 200.
pub(crate) async fn until_ok(port: u16, host: &str, path: &str, limit: Duration) -> Result<()> {
    let each = Duration::from_secs(10);
    let mut last = Error("not tried".to_owned());
    let waiting = async {
        loop {
            last = match get((LOOPBACK, port), host, path, each).await {
                Ok(answer) if answer.status == 200 => return,
                Ok(answer) => Error(format!("status {}", answer.status)),
                Err(error) => error,
            };
            sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = timeout(limit, waiting).await;
    waited.map_err(|_| {
        Error(format!(
            "no 200 from 127.0.0.1:{port}{path} within {limit:?}; last: {last}"
        ))
    })
}
