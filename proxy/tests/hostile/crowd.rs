//! Thousands of idle connections, from a process of their own: this test binary once more, told by its environment.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use crate::support::{Gateway, Steady, get, within};

/// Where the crowd connects to, and how many they are: set only in the child.
const TARGET: &str = "ROUSE_TEST_CROWD_TARGET";
const COUNT: &str = "ROUSE_TEST_CROWD_COUNT";

/// Scaled to what this machine allows a process to open.
fn count() -> u64 {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit
        .current
        .map_or(10_000, |limit| (limit / 2).min(10_000))
}

/// The child's part: each connection makes one request and stays. Told so, it counts those that live. Ends with its input.
#[test]
fn the_crowd() {
    let (Ok(target), Ok(count)) = (std::env::var(TARGET), std::env::var(COUNT)) else {
        return;
    };
    let mut crowd = Vec::new();
    for _ in 0..count.parse().unwrap() {
        let mut stream = TcpStream::connect(&target).unwrap();
        stream.write_all(get("hello").as_bytes()).unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n0 a") {
            let mut piece = [0; 512];
            let length = stream.read(&mut piece).unwrap();
            assert!(length > 0, "closed");
            answer.extend_from_slice(&piece[..length]);
        }
        stream.set_nonblocking(true).unwrap();
        crowd.push(stream);
    }
    println!("crowd={}", crowd.len());
    for line in std::io::stdin().lines() {
        line.unwrap();
        let lives = |stream: &&TcpStream| matches!(stream.peek(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock);
        println!("crowd={}", crowd.iter().filter(lives).count());
    }
}

struct Crowd(Child);

impl Drop for Crowd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The next count that the child says.
fn told(output: &mut impl BufRead) -> u64 {
    let mut lines = output.lines();
    loop {
        let line = lines
            .next()
            .expect("the crowd says how many they are")
            .unwrap();
        // The test runner's own words may stand before it.
        if let Some((_, count)) = line.split_once("crowd=") {
            return count.parse().unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_idle_connections_bother_nobody() {
    let replica = Steady::start("a").await;
    let gateway = Gateway::hello(&[replica.address]).await;
    let count = count();
    let mut crowd = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crowd::the_crowd", "--nocapture"])
        .env(TARGET, gateway.address.to_string())
        .env(COUNT, count.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map(Crowd)
        .unwrap();
    let mut output = BufReader::new(crowd.0.stdout.take().unwrap());
    let (first, mut output) = within(
        "all are connected",
        tokio::task::spawn_blocking(move || (told(&mut output), output)),
    )
    .await
    .unwrap();
    assert_eq!(first, count);
    for _ in 0..100 {
        assert_eq!(gateway.get("hello").await.text(), "0 a");
    }
    crowd.0.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    let still = within(
        "they are counted",
        tokio::task::spawn_blocking(move || told(&mut output)),
    )
    .await
    .unwrap();
    assert_eq!(still, count, "none was closed");
}
