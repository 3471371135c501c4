use serde_json::Number;

use super::tree::Value;

/// What a plain (unquoted) scalar means in YAML 1.2's core schema; `Err` says why it means nothing here.
pub(super) fn plain(text: &str) -> Result<Value, String> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => match number(text)? {
            Some(number) => Value::Number(number),
            None => Value::Text(text.to_owned()),
        },
    })
}

fn number(text: &str) -> Result<Option<Number>, String> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Err(format!("is {text}: a finite number is wanted"));
    }
    for (prefix, radix) in [("0o", 8), ("0x", 16)] {
        if let Some(digits) = text.strip_prefix(prefix)
            && !digits.starts_with('+')
            && let Ok(number) = u64::from_str_radix(digits, radix)
        {
            return Ok(Some(number.into()));
        }
    }
    if !looks_like_a_number(unsigned) {
        return Ok(None);
    }
    let positive = text.strip_prefix('+').unwrap_or(text);
    if let Ok(number) = positive.parse::<u64>() {
        return Ok(Some(number.into()));
    }
    if let Ok(number) = positive.parse::<i64>() {
        return Ok(Some(number.into()));
    }
    match positive.parse::<f64>().map(Number::from_f64) {
        Ok(Some(number)) => Ok(Some(number)),
        _ => Err(format!("is {text}: it is too large a number")),
    }
}

/// `[0-9]+`, or `(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`.
fn looks_like_a_number(text: &str) -> bool {
    let all_digits = |text: &str| text.bytes().all(|c| c.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mantissa =
        all_digits(whole) && all_digits(fraction) && !(whole.is_empty() && fraction.is_empty());
    let exponent = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !digits.is_empty() && all_digits(digits)
    });
    mantissa && exponent
}
