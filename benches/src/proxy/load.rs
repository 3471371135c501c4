//! wrk: runs it and reads its report.

use std::fmt;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::Options;
use crate::error::{Error, Result, While};

/// Past its own time.
const GRACE: Duration = Duration::from_secs(20);

/// One measurement of one proxy.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Round {
    pub(super) requests: f64,
    pub(super) per_second: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    /// CPU time of the proxy for one request; not wrk's to know.
    pub(super) cpu_micros: f64,
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            per_second,
            p50_ms,
            p99_ms,
            cpu_micros,
            ..
        } = self;
        write!(
            f,
            "{cpu_micros:.1} µs, {per_second:.0}/s, p50 {p50_ms:.2} ms, p99 {p99_ms:.2} ms"
        )
    }
}

pub(super) async fn run(options: &Options, port: u16, time: Duration) -> Result<Round> {
    let mut command = Command::new("taskset");
    command.args([
        "-c",
        &options.load_core.to_string(),
        "wrk",
        "--threads",
        "1",
        "--latency",
    ]);
    command.args([
        "--connections",
        &options.connections.to_string(),
        "--duration",
        &format!("{}s", time.as_secs()),
    ]);
    command.args([
        "--header",
        &format!("Host: {}", options.host()),
        &format!("http://127.0.0.1:{port}/"),
    ]);
    command.kill_on_drop(true);
    let output = timeout(time + GRACE, command.output())
        .await
        .while_(|| "wrk does not end".to_owned())?;
    let output = output.while_(|| "running wrk".to_owned())?;
    let text = String::from_utf8_lossy(&output.stdout);
    read(&text).while_(|| format!("wrk's report is not as expected:\n{text}"))?
}

/// `None` when it is no report; an error when not every answer was good.
fn read(text: &str) -> Option<Result<Round>> {
    let mut round = Round::default();
    for line in text.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        match words[..] {
            ["50%", time] => round.p50_ms = millis(time)?,
            ["99%", time] => round.p99_ms = millis(time)?,
            [requests, "requests", "in", ..] => round.requests = requests.parse().ok()?,
            ["Requests/sec:", rate] => round.per_second = rate.parse().ok()?,
            ["Socket", "errors:", ..] | ["Non-2xx", ..] => {
                return Some(Err(Error(format!("not all was answered: {line}"))));
            }
            _ => {}
        }
    }
    (round.requests > 0.0 && round.per_second > 0.0 && round.p99_ms > 0.0).then_some(Ok(round))
}

fn millis(text: &str) -> Option<f64> {
    let end = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(end);
    let number = number.parse::<f64>().ok()?;
    match unit {
        "us" => Some(number / 1e3),
        "ms" => Some(number),
        "s" => Some(number * 1e3),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "Running 8s test @ http://127.0.0.1:1/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.78ms  221.57us   6.19ms   95.22%
  Latency Distribution
     50%  950.00us
     75%    1.80ms
     90%    1.88ms
     99%    2.40ms
  285804 requests in 8.01s, 50.15MB read
Requests/sec:  35687.01
Transfer/sec:      6.26MB
";

    #[test]
    fn reads_a_report() {
        let round = read(REPORT).unwrap().unwrap();
        assert_eq!(
            (round.requests, round.per_second, round.p50_ms, round.p99_ms),
            (285_804.0, 35_687.01, 0.95, 2.4)
        );
    }

    #[test]
    fn refuses_one_with_errors_or_without_figures() {
        for line in [
            "  Socket errors: connect 0, read 3, write 0, timeout 0\n",
            "  Non-2xx or 3xx responses: 5\n",
        ] {
            assert!(read(&format!("{REPORT}{line}")).unwrap().is_err());
        }
        assert!(read("unable to connect to 127.0.0.1:1 Connection refused\n").is_none());
    }
}
