//! What the image `server` starts: HTTP on one address, 200 unless a file says otherwise.

use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// `ADDRESS [DELAY_MS [FAIL_FILE]]`: listens after the delay; while the file exists, answers are 500.
pub(crate) fn main(arguments: &[String]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let delay = arguments
            .get(1)
            .map_or(0, |delay| delay.parse().expect("milliseconds"));
        tokio::time::sleep(Duration::from_millis(delay)).await;
        let listener = TcpListener::bind(&arguments[0])
            .await
            .expect("an own address");
        let fail = arguments.get(2).cloned();
        loop {
            if let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, fail.clone()));
            }
        }
    });
}

async fn answer(mut stream: TcpStream, fail: Option<String>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let failing = fail.is_some_and(|file| Path::new(&file).exists());
    let status = if failing { "500 No" } else { "200 OK" };
    let text = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    // The client may have left.
    let _ = stream.write_all(text.as_bytes()).await;
}
