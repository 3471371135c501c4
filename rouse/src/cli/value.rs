//! Values of flags, written as in a resource.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error;

use rouse_api::workload::Rule;
use rouse_api::{load, resource};
use rouse_scaler::demand::SILENT_AFTER;

/// `250ms`, `60s`, `5m`, `1h30m`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let duration: Result<resource::Duration, Error> =
        resource::Duration::deserialize(text.into_deserializer());
    duration
        .map(resource::Duration::get)
        .map_err(|error| error.to_string())
}

/// As [`duration`], and not zero.
pub(super) fn positive_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("it must be longer than 0".to_owned()),
        duration => Ok(duration),
    }
}

/// As [`positive_duration`], and short enough that a proxy is not taken for silent: then nothing would ever sleep.
pub(super) fn report_interval(text: &str) -> Result<Duration, String> {
    let (interval, most) = (positive_duration(text)?, SILENT_AFTER / 3);
    if interval > most {
        return Err(format!(
            "it must be at most {} s, for a proxy that is silent for {} s keeps every workload awake",
            most.as_secs_f64(),
            SILENT_AFTER.as_secs_f64()
        ));
    }
    Ok(interval)
}

/// A label as names of objects are made of.
pub(super) fn name(text: &str) -> Result<resource::Name, String> {
    resource::Name::try_from(text.to_owned())
}

/// `20000-20999`: from the first to the last. Those below 1024 need a right that proxies don't have.
pub(super) fn ports(text: &str) -> Result<RangeInclusive<u16>, String> {
    let port = |text: &str| text.parse().ok().filter(|port: &u16| *port >= 1024);
    let ends = text
        .split_once('-')
        .and_then(|(first, last)| Some((port(first)?, port(last)?)));
    match ends {
        Some((first, last)) if first <= last => Ok(first..=last),
        _ => Err(format!(
            "{text:?} is not a range of ports from 1024 to 65535; write one such as 20000-20999"
        )),
    }
}

/// Bytes: `65536`, `64Ki`, `16Mi`.
pub(super) fn bytes(text: &str) -> Result<usize, String> {
    let quantity: Result<resource::Quantity, Error> =
        resource::Quantity::deserialize(text.into_deserializer());
    quantity
        .map_err(|error| error.to_string())?
        .whole()
        .and_then(|bytes| usize::try_from(bytes).ok())
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| {
            format!("{text:?} is not a number of bytes; write one such as 65536 or 64Ki")
        })
}

/// A network (`10.0.0.0/8`) or one address.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| {
            format!("{text:?} is neither a network nor an address; write one such as 10.0.0.0/8 or 192.0.2.1")
        })
}

/// The rules that come with this program.
const BUILTIN: &str = include_str!("rules.yaml");

/// `builtin`, `none`, or a file of rules.
pub(super) fn rules(text: &str) -> Result<Arc<[Rule]>, String> {
    let read = match text {
        "none" => return Ok(Arc::new([])),
        "builtin" => load::rules(Path::new("builtin"), BUILTIN),
        file => {
            let text = std::fs::read_to_string(file).map_err(|error| {
                format!("can't be read ({error}); write a file's path, builtin or none")
            })?;
            load::rules(Path::new(file), &text)
        }
    };
    let told = |problems: Vec<load::Problem>| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        lines.join("\n")
    };
    read.map(Arc::from).map_err(told)
}

/// A count of at least 1.
pub(super) fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err(format!("{text:?} is not a whole number of at least 1")),
        Ok(count) => Ok(count),
    }
}
