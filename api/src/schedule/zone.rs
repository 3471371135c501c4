use std::fmt;
use std::sync::LazyLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};

/// In characters; the longest there is has 32.
pub(crate) const LONGEST_ZONE: usize = 64;

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A time zone of the IANA's database.
#[derive(Debug, Clone, PartialEq)]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

impl Zone {
    /// By its name, e.g. `Asia/Tokyo`, in any case.
    ///
    /// # Errors
    /// With what would be right.
    pub fn parse(name: &str) -> Result<Self, String> {
        let short = !name.is_empty() && name.len() <= LONGEST_ZONE;
        let rules = short.then(|| ZONES.get(name).ok()).flatten();
        if let Some(rules) = rules.filter(|rules| !rules.is_unknown()) {
            let name = rules.iana_name().unwrap_or(name).to_owned();
            return Ok(Self { name, rules });
        }
        let near = ZONES
            .available()
            .map(|zone| zone.to_string())
            .map(|zone| (strsim::jaro_winkler(name, &zone), zone))
            .filter(|(near, _)| short && *near > 0.85)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let shown: String = name.chars().take(LONGEST_ZONE).collect();
        Err(match near {
            Some((_, near)) => format!("{shown:?} is not a time zone; did you mean {near}?"),
            None => format!(
                "{shown:?} is not a time zone; write a name of the IANA's database such as Asia/Tokyo or UTC"
            ),
        })
    }

    pub(super) fn rules(&self) -> &TimeZone {
        &self.rules
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
