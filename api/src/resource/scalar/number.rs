use serde::{Deserialize, Serialize};

/// A finite number above 0.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Positive(f64);

/// A finite number that is not below 0.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct NotNegative(f64);

/// The status of a fixed answer: 200 to 599.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct StatusCode(u16);

impl Positive {
    /// The number.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Positive {
    type Error = String;

    fn try_from(number: f64) -> Result<Self, String> {
        if number.is_finite() && number > 0.0 {
            return Ok(Self(number));
        }
        Err(format!("is {number}: it must be above 0"))
    }
}

impl TryFrom<f64> for NotNegative {
    type Error = String;

    fn try_from(number: f64) -> Result<Self, String> {
        if number.is_finite() && number >= 0.0 {
            return Ok(Self(number));
        }
        Err(format!("is {number}: it may not be below 0"))
    }
}

impl TryFrom<u16> for StatusCode {
    type Error = String;

    fn try_from(number: u16) -> Result<Self, String> {
        if (200..=599).contains(&number) {
            return Ok(Self(number));
        }
        Err(format!("is {number}: a status from 200 to 599 is wanted"))
    }
}

impl From<Positive> for f64 {
    fn from(value: Positive) -> Self {
        value.0
    }
}

impl From<NotNegative> for f64 {
    fn from(value: NotNegative) -> Self {
        value.0
    }
}

impl From<StatusCode> for u16 {
    fn from(value: StatusCode) -> Self {
        value.0
    }
}
