use std::fmt;
use std::time;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// A length of time, written with units: `250ms`, `60s`, `5m`, `1h30m`. At most [`Duration::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(into = "String")]
pub struct Duration(time::Duration);

/// Largest first. In milliseconds.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

impl Duration {
    pub(crate) const WANTED: &str = "a duration such as 250ms, 60s, 5m or 1h30m, at most 8760h";

    /// In characters: room for every unit with leading zeros.
    pub(crate) const LONGEST: usize = 32;

    /// A year: far past any sensible wait, far from any clock's end.
    pub const MAX: time::Duration = time::Duration::from_secs(8760 * 3600);

    /// As the standard library has it.
    #[must_use]
    pub fn get(self) -> time::Duration {
        self.0
    }

    /// Numbers with units, each unit once at most, largest first.
    fn parse(text: &str) -> Option<Self> {
        if text.len() > Self::LONGEST {
            return None;
        }
        let mut rest = text;
        let mut total = 0_u64;
        let mut units = UNITS.iter();
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, after) = rest.split_at(digits);
            let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
            let (unit, after) = after.split_at(letters);
            let (_, milliseconds) = units.find(|(name, _)| *name == unit)?;
            let number: u64 = number.parse().ok()?;
            total = total.checked_add(number.checked_mul(*milliseconds)?)?;
            rest = after;
        }
        let duration = time::Duration::from_millis(total);
        (!text.is_empty() && duration <= Self::MAX).then_some(Self(duration))
    }
}

impl TryFrom<time::Duration> for Duration {
    type Error = String;

    /// Whole milliseconds of it.
    fn try_from(duration: time::Duration) -> Result<Self, String> {
        if duration > Self::MAX {
            return Err(format!(
                "is {} s: at most {} s are possible",
                duration.as_secs(),
                Self::MAX.as_secs()
            ));
        }
        let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Ok(Self(time::Duration::from_millis(milliseconds)))
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if rest == 0 {
            return f.write_str("0s");
        }
        for (unit, milliseconds) in UNITS {
            if rest >= milliseconds {
                write!(f, "{}{unit}", rest / milliseconds)?;
                rest %= milliseconds;
            }
        }
        Ok(())
    }
}

super::written_as_text!(Duration);

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Duration;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(Duration::WANTED)
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
                Duration::parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_str(Text)
    }
}
