use std::collections::BTreeMap;

use kube::core::{Expression, Selector, SelectorExt};

/// Whether `labels` are chosen by a selector as the API writes it: `a=b,c!=d,e in (f,g),!h`.
///
/// # Errors
/// Names the part that can't be read.
pub(crate) fn parse(text: &str) -> Result<Selector, String> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_u32, 0);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    let parts = parts
        .into_iter()
        .map(str::trim)
        .filter(|part| !part.is_empty());
    parts.map(expression).collect()
}

fn expression(part: &str) -> Result<Expression, String> {
    let own = |text: &str| text.trim().to_owned();
    let set = |rest: &str| {
        let inside = rest
            .trim()
            .strip_prefix('(')
            .and_then(|rest| rest.strip_suffix(')'));
        inside.map(|inside| inside.split(',').map(own).collect())
    };
    let bad = || format!("label selector: {part:?} is not understood");
    if let Some((key, rest)) = part.split_once(" notin ") {
        return Ok(Expression::NotIn(own(key), set(rest).ok_or_else(bad)?));
    }
    if let Some((key, rest)) = part.split_once(" in ") {
        return Ok(Expression::In(own(key), set(rest).ok_or_else(bad)?));
    }
    if let Some((key, value)) = part.split_once("!=") {
        return Ok(Expression::NotEqual(own(key), own(value)));
    }
    if let Some((key, value)) = part.split_once('=') {
        return Ok(Expression::Equal(
            own(key),
            own(value.trim_start_matches('=')),
        ));
    }
    match part.strip_prefix('!') {
        Some(key) => Ok(Expression::DoesNotExist(own(key))),
        None if part.contains(char::is_whitespace) => Err(bad()),
        None => Ok(Expression::Exists(own(part))),
    }
}

/// Whether the selector chooses the labels.
pub(crate) fn chooses(selector: &Selector, labels: &BTreeMap<String, String>) -> bool {
    selector.matches(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_choose() {
        let labels =
            BTreeMap::from([("a", "1"), ("b", "2")].map(|(k, v)| (k.to_owned(), v.to_owned())));
        for (text, chosen) in [
            ("", true),
            ("a=1", true),
            ("a==1,b!=3", true),
            ("a=2", false),
            ("a in (1,2),b", true),
            ("a notin (1)", false),
            ("!c", true),
            ("!a", false),
            ("c", false),
        ] {
            assert_eq!(chooses(&parse(text).unwrap(), &labels), chosen, "{text}");
        }
        assert!(parse("a in 1").is_err());
        assert!(parse("a b").is_err());
    }
}
