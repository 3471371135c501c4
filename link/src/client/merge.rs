//! Two reports as one, for a scaler that takes them more slowly than they are made.

use std::collections::BTreeMap;
use std::time::Duration;

use rouse_api::link::{Report, WorkloadReport};

#[cfg(test)]
mod tests;

/// Makes `report` say what it and then `later` say.
pub(super) fn merge(report: &mut Report, later: Report) {
    let mut news: BTreeMap<_, WorkloadReport> = later
        .workloads
        .into_iter()
        .map(|part| (part.workload.clone(), part))
        .collect();
    for part in &mut report.workloads {
        match news.remove(&part.workload) {
            Some(new) => {
                part.in_flight_seconds += new.in_flight_seconds;
                part.held_seconds += new.held_seconds;
                part.requests = part.requests.saturating_add(new.requests);
                part.in_flight = new.in_flight;
                part.held = new.held;
                part.idle_for = new.idle_for;
            }
            None => rest(part, later.length),
        }
    }
    report.workloads.extend(news.into_values());
    report.length = report.length.saturating_add(later.length);
    report.sequence = later.sequence;
    report.whole |= later.whole;
}

/// One that the later report does not list: nothing in flight or held since, and idle for longer.
fn rest(part: &mut WorkloadReport, length: Duration) {
    part.in_flight = 0;
    part.held = 0;
    part.idle_for = part.idle_for.saturating_add(length);
}
