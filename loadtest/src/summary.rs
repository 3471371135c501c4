//! What k6 counted, for people.

use std::fmt::Write as _;

use serde_json::Value;

use crate::error::{Error, Result};
use crate::scenario::Scenario;

/// Requests, failures, and how long: of all, and of those that were held.
///
/// # Errors
/// When k6 did not count requests.
pub(crate) fn text(scenario: Scenario, told: &Value, machine: &str) -> Result<String> {
    let value = |metric: &str, field: &str| told["metrics"][metric]["values"][field].as_f64();
    let count = value("http_reqs", "count");
    let count = count.ok_or_else(|| Error::Other("k6 counted no requests".to_owned()))?;
    let failed = value("http_req_failed", "passes").unwrap_or(0.0);
    let dropped = value("dropped_iterations", "count").unwrap_or(0.0);
    let rate = value("http_reqs", "rate").unwrap_or(0.0);
    let mut text = format!(
        "{}: {count:.0} requests, {rate:.0} per second on average, {failed:.0} failed, {dropped:.0} not sent because k6 was late.\n\n",
        scenario.name()
    );
    text.push_str(
        "| ms | requests | p50 | p90 | p95 | p99 | max |\n|---|---|---|---|---|---|---|\n",
    );
    for (metric, name) in [
        ("http_req_duration", "all"),
        ("warm", "not held"),
        ("cold", "held, in all"),
        ("held", "of it in Rouse's line"),
    ] {
        let Some(requests) = value(metric, "count") else {
            continue;
        };
        let _ = write!(text, "| {name} | {requests:.0} |");
        for field in ["med", "p(90)", "p(95)", "p(99)", "max"] {
            let _ = write!(text, " {:.1} |", value(metric, field).unwrap_or(f64::NAN));
        }
        text.push('\n');
    }
    let _ = writeln!(text, "\n{machine}.");
    Ok(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_table_of_what_was_counted() {
        let trend = serde_json::json!({"values": {"count": 3, "med": 10, "p(90)": 11, "p(95)": 12, "p(99)": 13, "max": 14.25}});
        let told = serde_json::json!({"metrics": {
            "http_reqs": {"values": {"count": 3, "rate": 1.5}},
            "http_req_failed": {"values": {"passes": 1, "fails": 2, "rate": 0.3}},
            "cold": trend,
        }});
        let text = text(Scenario::Cold, &told, "a machine").unwrap();
        assert!(
            text.starts_with("cold: 3 requests, 2 per second on average, 1 failed"),
            "{text}"
        );
        assert!(
            text.contains("| held, in all | 3 | 10.0 | 11.0 | 12.0 | 13.0 | 14.2 |"),
            "{text}"
        );
        assert!(!text.contains("not held |"), "{text}");
    }
}
