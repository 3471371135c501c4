//! Values of ScaledWorkload's fields from what other systems write; each checks itself.

use std::time::Duration;

use rouse_api::load::FieldPath;
use rouse_api::resource;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::note::Notes;

/// The error says what is wrong with the text, and what would be right.
pub(crate) fn scalar<T: DeserializeOwned>(written: impl Into<Value>) -> Result<T, String> {
    serde_json::from_value(written.into()).map_err(|error| error.to_string())
}

/// What can't be is a mistake, and not there.
pub(crate) fn wanted<T: DeserializeOwned>(
    written: impl Into<Value>,
    at: &FieldPath,
    notes: &mut Notes,
) -> Option<T> {
    scalar(written).map_err(|why| notes.mistake(at, why)).ok()
}

/// A length of time; one beyond a year becomes a year.
pub(crate) fn seconds(seconds: u64) -> Option<resource::Duration> {
    let most = resource::Duration::MAX;
    Duration::from_secs(seconds).min(most).try_into().ok()
}

/// As Go writes lengths of time: `1m30s`, `1.5h`, `100ms`.
pub(crate) fn go_duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, f64); 7] = [
        ("h", 3600.0),
        ("m", 60.0),
        ("s", 1.0),
        ("ms", 1e-3),
        ("us", 1e-6),
        ("µs", 1e-6),
        ("ns", 1e-9),
    ];
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let (mut rest, mut total) = (text, 0.0);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(end);
        let end = after.find(|c: char| c.is_ascii_digit() || c == '.');
        let (unit, after) = after.split_at(end.unwrap_or(after.len()));
        let (_, length) = UNITS.iter().find(|(name, _)| *name == unit)?;
        total += number.parse::<f64>().ok()? * length;
        rest = after;
    }
    let duration = Duration::try_from_secs_f64(total).ok()?;
    (!text.is_empty() && duration <= resource::Duration::MAX).then_some(duration)
}

/// As a number of Kubernetes' `Quantity`: `80`, `0.5`, `500m`, `1k`.
pub(crate) fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    if let Ok(number) = text.parse::<f64>() {
        return Some(number).filter(|number| number.is_finite());
    }
    let quantity: resource::Quantity = scalar(text).ok()?;
    // Exact below 2^53 thousandths, which is more than anybody scales for.
    #[expect(clippy::cast_precision_loss, reason = "a target needs no more digits")]
    Some(quantity.thousandths() as f64 / 1000.0)
}
