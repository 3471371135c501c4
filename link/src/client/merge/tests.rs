use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use rouse_api::link::{Report, WorkloadReport};
use rouse_api::workload::WorkloadId;

use super::merge;

/// What a scaler makes of reports.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    length: Duration,
    whole: bool,
    workloads: BTreeMap<WorkloadId, WorkloadReport>,
}

impl Heard {
    fn take(&mut self, report: &Report) {
        self.length += report.length;
        self.whole |= report.whole;
        let listed = |id: &WorkloadId| report.workloads.iter().any(|part| part.workload == *id);
        for (id, known) in &mut self.workloads {
            if !listed(id) {
                known.in_flight = 0;
                known.held = 0;
                known.idle_for += report.length;
            }
        }
        for part in &report.workloads {
            let mut new = part.clone();
            if let Some(known) = self.workloads.get(&part.workload) {
                new.in_flight_seconds += known.in_flight_seconds;
                new.held_seconds += known.held_seconds;
                new.requests += known.requests;
            }
            self.workloads.insert(part.workload.clone(), new);
        }
    }
}

prop_compose! {
    fn part()(
        n in 0u8..6,
        // Eighths: sums are exact.
        (in_flight_eighths, held_eighths, requests, in_flight, held, idle) in (0u32..80, 0u32..80, 0u64..9, 0u32..3, 0u32..3, 0u64..9)
    ) -> WorkloadReport {
        WorkloadReport {
            workload: WorkloadId::new("default", &format!("w{n}")),
            in_flight_seconds: f64::from(in_flight_eighths) / 8.0,
            held_seconds: f64::from(held_eighths) / 8.0,
            requests,
            in_flight,
            held,
            idle_for: Duration::from_secs(idle),
        }
    }
}

prop_compose! {
    fn report()(
        whole: bool,
        length in 1u64..5,
        mut workloads in prop::collection::vec(part(), 0..6)
    ) -> Report {
        workloads.sort_by(|a, b| a.workload.cmp(&b.workload));
        workloads.dedup_by(|a, b| a.workload == b.workload);
        Report { sequence: 0, length: Duration::from_secs(length), whole, workloads }
    }
}

proptest! {
    #[test]
    fn one_report_of_many_says_what_they_say(reports in prop::collection::vec(report(), 1..5)) {
        let (mut each, mut one) = (Heard::default(), Heard::default());
        reports.iter().for_each(|report| each.take(report));
        let merged = reports.into_iter().reduce(|mut report, later| {
            merge(&mut report, later);
            report
        });
        one.take(&merged.unwrap());
        prop_assert_eq!(each, one);
    }
}
