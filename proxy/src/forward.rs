//! One request's way to an endpoint and its answer's way back.

mod body;
mod headers;
mod idle;
mod tunnel;
mod websocket;

pub(crate) use body::{AnswerBody, BodyState, InFlight, RequestBody};
pub(crate) use headers::{Forwarding, answer_headers, request_headers, upgrade_protocol};
pub(crate) use tunnel::tunnel;
