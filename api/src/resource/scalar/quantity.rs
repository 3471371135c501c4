use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// An amount as Kubernetes writes it: `16Mi`, `5m`, `1.5Gi`, `2`. Exact to a thousandth; kept as written.
#[derive(Debug, Clone, Serialize)]
#[serde(into = "String")]
pub struct Quantity {
    text: String,
    thousandths: u64,
}

/// In thousandths.
const SUFFIXES: [(&str, u128); 13] = [
    ("m", 1),
    ("", 1000),
    ("k", 1000 * 1000),
    ("M", 1000 * 1000_u128.pow(2)),
    ("G", 1000 * 1000_u128.pow(3)),
    ("T", 1000 * 1000_u128.pow(4)),
    ("P", 1000 * 1000_u128.pow(5)),
    ("E", 1000 * 1000_u128.pow(6)),
    ("Ki", 1000 << 10),
    ("Mi", 1000 << 20),
    ("Gi", 1000 << 30),
    ("Ti", 1000 << 40),
    ("Pi", 1000 << 50),
];

impl Quantity {
    /// In thousandths of the unit: `5m` is 5, `1` is 1000.
    #[must_use]
    pub fn thousandths(&self) -> u64 {
        self.thousandths
    }

    /// The amount in whole units; `None` for a fraction such as `5m`.
    #[must_use]
    pub fn whole(&self) -> Option<u64> {
        self.thousandths
            .is_multiple_of(1000)
            .then_some(self.thousandths / 1000)
    }

    fn parse(text: &str) -> Option<Self> {
        let end = text
            .bytes()
            .take_while(|c| c.is_ascii_digit() || *c == b'.')
            .count();
        let (number, suffix) = text.split_at(end);
        let (_, factor) = SUFFIXES.iter().find(|(name, _)| *name == suffix)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        // More digits than these are beyond what a u64 holds, or below a thousandth of anything.
        if whole.is_empty() || whole.len() > 20 || fraction.len() > 9 {
            return None;
        }
        if number.contains('.') && fraction.is_empty() || fraction.contains('.') {
            return None;
        }
        let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
        let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
        let scaled = digits.checked_mul(*factor)?;
        if scaled % scale != 0 {
            return None;
        }
        Some(Self {
            text: text.to_owned(),
            thousandths: u64::try_from(scaled / scale).ok()?,
        })
    }
}

/// Equal in amount, however written.
impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.thousandths == other.thousandths
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

super::written_as_text!(Quantity);

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Amount;
        impl Visitor<'_> for Amount {
            type Value = Quantity;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an amount such as 16Mi, 1.5Gi, 5m or 2, not negative and no finer than a thousandth")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Quantity, E> {
                Quantity::parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<Quantity, E> {
                Quantity::parse(&number.to_string())
                    .ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &self))
            }
            fn visit_f64<E: Error>(self, number: f64) -> Result<Quantity, E> {
                Quantity::parse(&number.to_string())
                    .ok_or_else(|| E::invalid_value(Unexpected::Float(number), &self))
            }
        }
        deserializer.deserialize_any(Amount)
    }
}
