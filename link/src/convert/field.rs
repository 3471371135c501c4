//! Single values.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rouse_api::link::EndpointId;
use rouse_api::workload::WorkloadId;

use super::Malformed;

type Result<T> = std::result::Result<T, Malformed>;

/// Kubernetes' longest namespace (63) and name (253), a slash, and room.
const LONGEST_NAME: usize = 512;

/// Past 584 years it is as good as for ever.
pub(super) fn write_duration(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

pub(super) fn read_duration(nanos: u64) -> Duration {
    Duration::from_nanos(nanos)
}

pub(super) fn workload(field: &'static str, text: &str) -> Result<WorkloadId> {
    bounded(field, text)?;
    match text.split_once('/') {
        Some((namespace, name))
            if !namespace.is_empty() && !name.is_empty() && !name.contains('/') =>
        {
            Ok(WorkloadId::new(namespace, name))
        }
        _ => Err(Malformed::new(
            field,
            format!("{text:?} is not a workload; it must be namespace/name"),
        )),
    }
}

pub(super) fn endpoint(field: &'static str, text: &str) -> Result<EndpointId> {
    name(field, text).map(EndpointId)
}

/// Not empty, not too long.
pub(super) fn name(field: &'static str, text: &str) -> Result<Arc<str>> {
    bounded(field, text)?;
    if text.is_empty() {
        return Err(Malformed::new(field, "is empty; it must be a name"));
    }
    Ok(text.into())
}

fn bounded(field: &'static str, text: &str) -> Result<()> {
    if text.len() > LONGEST_NAME {
        let problem = format!("has {} bytes; at most {LONGEST_NAME}", text.len());
        return Err(Malformed::new(field, problem));
    }
    Ok(())
}

pub(super) fn address(field: &'static str, text: &str) -> Result<SocketAddr> {
    text.parse().map_err(|_| {
        let start: String = text.chars().take(64).collect();
        Malformed::new(
            field,
            format!("{start:?} is not an address; it must be ip:port"),
        )
    })
}

pub(super) fn port(field: &'static str, port: u32) -> Result<u16> {
    match u16::try_from(port) {
        Ok(port) if port != 0 => Ok(port),
        _ => Err(Malformed::new(
            field,
            format!("{port} is not a port; from 1 to 65535"),
        )),
    }
}

/// Neither negative nor infinite nor NaN.
pub(super) fn amount(field: &'static str, value: f64) -> Result<f64> {
    if value.is_finite() && value >= 0.0 {
        return Ok(value);
    }
    Err(Malformed::new(
        field,
        format!("{value} is not an amount; it must be finite and not negative"),
    ))
}

/// What a message must have.
pub(super) fn required<T>(field: &'static str, value: Option<T>) -> Result<T> {
    value.ok_or_else(|| Malformed::new(field, "is missing"))
}

/// All of them, or the first error.
pub(super) fn each<A, B>(items: Vec<A>, read: impl FnMut(A) -> Result<B>) -> Result<Vec<B>> {
    items.into_iter().map(read).collect()
}
