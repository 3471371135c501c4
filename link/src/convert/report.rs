//! Demand.

use rouse_api::link::{Report, WorkloadReport};

use super::Malformed;
use super::field::{amount, each, read_duration, workload, write_duration};
use crate::wire;

pub(super) fn write_report(report: &Report) -> wire::Report {
    wire::Report {
        sequence: report.sequence,
        length_ns: write_duration(report.length),
        whole: report.whole,
        workloads: report.workloads.iter().map(write_part).collect(),
    }
}

pub(super) fn read_report(report: wire::Report) -> Result<Report, Malformed> {
    Ok(Report {
        sequence: report.sequence,
        length: read_duration(report.length_ns),
        whole: report.whole,
        workloads: each(report.workloads, |part| read_part(&part))?,
    })
}

fn write_part(part: &WorkloadReport) -> wire::WorkloadReport {
    wire::WorkloadReport {
        workload: part.workload.as_str().to_owned(),
        in_flight_seconds: part.in_flight_seconds,
        held_seconds: part.held_seconds,
        requests: part.requests,
        in_flight: part.in_flight,
        held: part.held,
        idle_for_ns: write_duration(part.idle_for),
    }
}

fn read_part(part: &wire::WorkloadReport) -> Result<WorkloadReport, Malformed> {
    Ok(WorkloadReport {
        workload: workload("report.workloads.workload", &part.workload)?,
        in_flight_seconds: amount("report.workloads.in_flight_seconds", part.in_flight_seconds)?,
        held_seconds: amount("report.workloads.held_seconds", part.held_seconds)?,
        requests: part.requests,
        in_flight: part.in_flight,
        held: part.held,
        idle_for: read_duration(part.idle_for_ns),
    })
}
