use std::fmt;

use serde::{Deserialize, Serialize};

use crate::schedule::{Expression, Zone};

/// A moment that comes again, in the five fields of cron: `0 8 * * 1-5`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CronExpression(Expression);

/// A time zone by its IANA name: `Asia/Tokyo`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ZoneName(Zone);

impl CronExpression {
    /// What it means.
    #[must_use]
    pub fn get(&self) -> &Expression {
        &self.0
    }
}

impl ZoneName {
    /// What it means.
    #[must_use]
    pub fn get(&self) -> &Zone {
        &self.0
    }
}

impl TryFrom<String> for CronExpression {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Expression::parse(&text).map(Self)
    }
}

impl TryFrom<String> for ZoneName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Zone::parse(&text).map(Self)
    }
}

impl fmt::Display for CronExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

super::written_as_text!(CronExpression);
super::written_as_text!(ZoneName);
