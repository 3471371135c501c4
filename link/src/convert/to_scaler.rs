//! What a proxy says.

use std::sync::Arc;

use rouse_api::link::{Caller, EndpointId, Epoch, Fronts, MemberId, ToScaler, Wake};
use rouse_api::workload::WorkloadId;

use super::Malformed;
use super::field::{endpoint, name, port, read_duration, workload, write_duration};
use super::permits::{read_owned, write_owned};
use super::report::{read_report, write_report};
use crate::wire;
use wire::from_proxy::Message;

type Result<T> = std::result::Result<T, Malformed>;

pub(crate) fn write_member(member: &MemberId) -> wire::Member {
    wire::Member {
        host: member.host.as_ref().to_owned(),
        instance: member.instance,
    }
}

pub(crate) fn read_member(field: &'static str, member: wire::Member) -> Result<MemberId> {
    Ok(MemberId {
        host: name(field, &member.host)?,
        instance: member.instance,
    })
}

pub(crate) fn write_from_proxy(message: &ToScaler) -> wire::FromProxy {
    let message = match message {
        ToScaler::Report(report) => Message::Report(write_report(report)),
        ToScaler::Wake(wake) => Message::Wake(wire::Wake {
            workload: wake.workload.as_str().to_owned(),
            held: wake.held,
            oldest_ns: write_duration(wake.oldest),
            by: wake.by.as_deref().map(|by| wire::Caller {
                method: by.method.clone(),
                host: by.host.clone(),
                agent: by.agent.clone(),
            }),
        }),
        ToScaler::Quiesced { workload, epoch } => {
            Message::Quiesced(write_attempt(workload, *epoch))
        }
        ToScaler::Busy { workload, epoch } => Message::Busy(write_attempt(workload, *epoch)),
        ToScaler::Drained { workload, endpoint } => {
            Message::Drained(write_endpoint(workload, endpoint))
        }
        ToScaler::Proven { workload, endpoint } => {
            Message::Proven(write_endpoint(workload, endpoint))
        }
        ToScaler::Permits(owned) => Message::Permits(write_owned(owned)),
        ToScaler::Fronts(fronts) => Message::Fronts(write_fronts(fronts)),
        ToScaler::Leaving => Message::Leaving(wire::Leaving {}),
    };
    wire::FromProxy {
        message: Some(message),
    }
}

/// `None`: a kind of message that isn't known here.
pub(crate) fn read_from_proxy(message: wire::FromProxy) -> Result<Option<ToScaler>> {
    let Some(message) = message.message else {
        return Ok(None);
    };
    Ok(Some(match message {
        Message::Hello(_) => {
            let problem = "comes a second time; it is only the first message";
            return Err(Malformed::new("hello", problem));
        }
        Message::Report(report) => ToScaler::Report(read_report(report)?),
        Message::Wake(wake) => ToScaler::Wake(Wake {
            workload: workload("wake.workload", &wake.workload)?,
            held: wake.held,
            oldest: read_duration(wake.oldest_ns),
            by: wake.by.as_ref().map(|by| Arc::new(read_caller(by))),
        }),
        Message::Quiesced(attempt) => {
            let (workload, epoch) = read_attempt("quiesced.workload", &attempt)?;
            ToScaler::Quiesced { workload, epoch }
        }
        Message::Busy(attempt) => {
            let (workload, epoch) = read_attempt("busy.workload", &attempt)?;
            ToScaler::Busy { workload, epoch }
        }
        Message::Drained(named) => ToScaler::Drained {
            workload: workload("drained.workload", &named.workload)?,
            endpoint: endpoint("drained.endpoint", &named.endpoint)?,
        },
        Message::Proven(named) => ToScaler::Proven {
            workload: workload("proven.workload", &named.workload)?,
            endpoint: endpoint("proven.endpoint", &named.endpoint)?,
        },
        Message::Permits(owned) => ToScaler::Permits(read_owned(owned)?),
        Message::Fronts(fronts) => ToScaler::Fronts(Arc::new(read_fronts(fronts)?)),
        Message::Leaving(_) => ToScaler::Leaving,
    }))
}

pub(super) fn write_attempt(workload: &WorkloadId, epoch: Epoch) -> wire::Attempt {
    wire::Attempt {
        workload: workload.as_str().to_owned(),
        epoch,
    }
}

pub(super) fn read_attempt(
    field: &'static str,
    attempt: &wire::Attempt,
) -> Result<(WorkloadId, Epoch)> {
    Ok((workload(field, &attempt.workload)?, attempt.epoch))
}

/// It goes into a status that people read: whatever a proxy says, it is short and printable.
fn read_caller(by: &wire::Caller) -> Caller {
    let word = |text: &str, longest: usize| {
        text.chars()
            .filter(char::is_ascii_graphic)
            .take(longest)
            .collect()
    };
    Caller {
        method: word(&by.method, Caller::LONGEST_WORD),
        host: word(&by.host, Caller::LONGEST_HOST),
        agent: word(&by.agent, Caller::LONGEST_WORD),
    }
}

fn write_fronts(fronts: &Fronts) -> wire::Fronts {
    let open = fronts.iter().map(|(workload, port)| wire::OpenFront {
        workload: workload.as_str().to_owned(),
        port: u32::from(*port),
    });
    wire::Fronts {
        open: open.collect(),
    }
}

fn read_fronts(fronts: wire::Fronts) -> Result<Fronts> {
    let read = |open: wire::OpenFront| {
        let id = workload("fronts.open.workload", &open.workload)?;
        Ok((id, port("fronts.open.port", open.port)?))
    };
    fronts.open.into_iter().map(read).collect()
}

fn write_endpoint(workload: &WorkloadId, endpoint: &EndpointId) -> wire::EndpointName {
    wire::EndpointName {
        workload: workload.as_str().to_owned(),
        endpoint: endpoint.0.as_ref().to_owned(),
    }
}
