//! A sample in Prometheus' text format.

/// The value of the only series of this name that has these labels, among others: `jobs{state="waiting"}`.
///
/// # Errors
/// With a sentence: there is none, there are several, or it is no number.
pub(super) fn value(body: &[u8], selector: &str) -> Result<f64, String> {
    let text = std::str::from_utf8(body).map_err(|_| "the answer is not text".to_owned())?;
    let (wanted, _) = series(selector)
        .filter(|(_, rest)| rest.trim().is_empty())
        .ok_or_else(|| {
            format!("{selector} is not a series; write one such as jobs{{state=\"waiting\"}}")
        })?;
    let mut found = None;
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((one, rest)) = series(line) else {
            continue;
        };
        let matches =
            one.name == wanted.name && wanted.labels.iter().all(|label| one.labels.contains(label));
        if !matches {
            continue;
        }
        if found.is_some() {
            return Err(format!(
                "the answer has several series {selector}; write more of the labels of one"
            ));
        }
        found = Some(rest.split_ascii_whitespace().next().unwrap_or_default());
    }
    let Some(value) = found else {
        return Err(format!("the answer has no series {selector}"));
    };
    let number = value.parse().ok().filter(|number: &f64| number.is_finite());
    number.ok_or_else(|| format!("{selector} is {value}, and a number is wanted"))
}

struct Series {
    name: String,
    labels: Vec<(String, String)>,
}

/// A series at the begin of a line, and what comes behind it.
fn series(line: &str) -> Option<(Series, &str)> {
    let end = line
        .find(|c: char| c == '{' || c.is_ascii_whitespace())
        .unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    let mut series = Series {
        name: name.to_owned(),
        labels: Vec::new(),
    };
    if name.is_empty() {
        return None;
    }
    let Some(mut rest) = rest.trim_start().strip_prefix('{') else {
        return Some((series, rest));
    };
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        if let Some(behind) = rest.strip_prefix('}') {
            return Some((series, behind));
        }
        let (label, value) = rest.split_once('=')?;
        let (value, behind) = quoted(value.trim_start())?;
        series.labels.push((label.trim().to_owned(), value));
        rest = behind;
    }
}

/// A quoted text with what its escapes stand for, and what comes behind it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let inside = text.strip_prefix('"')?;
    let mut value = String::new();
    let mut characters = inside.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Some((value, &inside[at + 1..])),
            '\\' => value.push(match characters.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            c => value.push(c),
        }
    }
    None
}
