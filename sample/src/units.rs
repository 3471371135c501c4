//! Durations and sizes as people write them.

use std::time::Duration;

/// `250us`, `50ms`, `2s`, `5m`, `1h`, or `0`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a duration; write one such as 50ms, 2s or 5m");
    let (number, unit) = split(text).ok_or_else(wrong)?;
    let nanos = match unit {
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "" if number == 0 => 0,
        _ => return Err(wrong()),
    };
    number
        .checked_mul(nanos)
        .map(Duration::from_nanos)
        .ok_or_else(wrong)
}

/// Bytes: `1000`, `64KiB`, `10MiB`, `1GiB` (`Ki`, `Mi`, `Gi` too).
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is not a size; write one such as 1000, 64KiB or 10MiB");
    let (number, unit) = split(text).ok_or_else(wrong)?;
    let factor = match unit {
        "" | "B" => 1,
        "Ki" | "KiB" => 1 << 10,
        "Mi" | "MiB" => 1 << 20,
        "Gi" | "GiB" => 1 << 30,
        _ => return Err(wrong()),
    };
    number.checked_mul(factor).ok_or_else(wrong)
}

/// A share from 0 to 1.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err(format!(
            "{text:?} is not a share; write a number from 0 to 1, such as 0.1"
        )),
    }
}

fn split(text: &str) -> Option<(u64, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_durations_and_sizes() {
        assert_eq!(duration("50ms"), Ok(Duration::from_millis(50)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("0"), Ok(Duration::ZERO));
        assert_eq!(size("10MiB"), Ok(10 << 20));
        assert_eq!(size("45"), Ok(45));
    }

    #[test]
    fn refuses_what_is_neither() {
        for text in [
            "",
            "5",
            "ms",
            "-1s",
            "1.5s",
            "5 ms",
            "99999999999999999999s",
            "9999999999999h",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
        for text in ["", "MiB", "1MB", "-1", "99999999999999GiB"] {
            assert!(size(text).is_err(), "{text}");
        }
        assert!(share("1.1").is_err() && share("NaN").is_err() && share("0.5").is_ok());
    }
}
