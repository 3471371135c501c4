//! What a scaler says, but for the route table, which travels as changes.

use rouse_api::link::ToProxy;

use super::Malformed;
use super::field::{read_duration, workload, write_duration};
use super::permits::{read_granted, write_granted};
use super::state::{read_state, write_state};
use super::to_scaler::{read_attempt, write_attempt};
use crate::wire;
use wire::from_scaler::Message;

/// A message from a scaler, read.
#[derive(Debug, PartialEq)]
pub(crate) enum FromScaler {
    /// It means the same to the proxy.
    Say(ToProxy),
    /// A change of the route table, still to be applied.
    Routes(wire::Routes),
    /// A sign of life, or a kind of message that isn't known here.
    Nothing,
}

/// `None`: it does not travel this way (routes do as changes; being linked is found out by the proxy's side).
pub(crate) fn write_from_scaler(message: &ToProxy) -> Option<wire::FromScaler> {
    let message = match message {
        ToProxy::Routes(_) | ToProxy::Unlinked | ToProxy::Linked => return None,
        ToProxy::Role { leads } => Message::Role(wire::Role { leads: *leads }),
        ToProxy::Synced => Message::Synced(wire::Synced {}),
        ToProxy::ReportWhole => Message::ReportWhole(wire::ReportWhole {}),
        ToProxy::State(state) => Message::State(write_state(state)),
        ToProxy::Permits(granted) => Message::Permits(write_granted(granted)),
        ToProxy::Quiesce {
            workload,
            epoch,
            idle_for,
        } => Message::Quiesce(wire::Quiesce {
            workload: workload.as_str().to_owned(),
            epoch: *epoch,
            idle_for_ns: write_duration(*idle_for),
        }),
        ToProxy::Resume { workload, epoch } => Message::Resume(write_attempt(workload, *epoch)),
        ToProxy::Asleep { workload, epoch } => Message::Asleep(write_attempt(workload, *epoch)),
    };
    Some(wire::FromScaler {
        message: Some(message),
    })
}

pub(crate) fn read_from_scaler(message: wire::FromScaler) -> Result<FromScaler, Malformed> {
    let Some(message) = message.message else {
        return Ok(FromScaler::Nothing);
    };
    Ok(FromScaler::Say(match message {
        Message::Welcome(_) => {
            let problem = "comes a second time; it is only the first message";
            return Err(Malformed::new("welcome", problem));
        }
        Message::Heartbeat(_) => return Ok(FromScaler::Nothing),
        Message::Routes(routes) => return Ok(FromScaler::Routes(routes)),
        Message::Role(role) => ToProxy::Role { leads: role.leads },
        Message::Synced(_) => ToProxy::Synced,
        Message::ReportWhole(_) => ToProxy::ReportWhole,
        Message::State(state) => ToProxy::State(read_state(state)?),
        Message::Permits(granted) => ToProxy::Permits(read_granted(granted)?),
        Message::Quiesce(quiesce) => ToProxy::Quiesce {
            workload: workload("quiesce.workload", &quiesce.workload)?,
            epoch: quiesce.epoch,
            idle_for: read_duration(quiesce.idle_for_ns),
        },
        Message::Resume(attempt) => {
            let (workload, epoch) = read_attempt("resume.workload", &attempt)?;
            ToProxy::Resume { workload, epoch }
        }
        Message::Asleep(attempt) => {
            let (workload, epoch) = read_attempt("asleep.workload", &attempt)?;
            ToProxy::Asleep { workload, epoch }
        }
    }))
}
