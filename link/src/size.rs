//! What messages take on the wire, for measurements.

use prost::Message as _;
use rouse_api::link::{ToProxy, ToScaler};

use crate::convert::{write_from_proxy, write_from_scaler};

/// In bytes, without HTTP/2 and TLS.
#[must_use]
pub fn from_proxy(message: &ToScaler) -> usize {
    write_from_proxy(message).encoded_len()
}

/// In bytes, without HTTP/2 and TLS; a route table goes in parts and is 0 here.
#[must_use]
pub fn from_scaler(message: &ToProxy) -> usize {
    write_from_scaler(message).map_or(0, |message| message.encoded_len())
}
