use super::tree::Value;

/// What serde complained about, in our words.
pub(super) enum Complaint {
    /// The field should not be there.
    Field(String),
    /// This field should be.
    Missing(String),
    /// The value is wrong.
    Value(String),
}

/// Puts a message of serde's derived code about `value` into words for people who write YAML.
pub(super) fn explain(said: &str, value: &Value) -> Complaint {
    if let Some(rest) = said.strip_prefix("unknown field `") {
        let (name, known) = names(rest);
        let fields = format!("fields here: {}", known.join(", "));
        let fields = if known.is_empty() {
            "no field may stand here"
        } else {
            &fields
        };
        return Complaint::Field(format!(
            "is not a field here{}; {fields}",
            nearest(&name, &known)
        ));
    }
    if let Some(rest) = said.strip_prefix("unknown variant `") {
        let (name, known) = names(rest);
        let words = known.join(", ");
        return Complaint::Value(format!(
            "is {name:?}{}; one of {words} is wanted",
            nearest(&name, &known)
        ));
    }
    if let Some(rest) = said.strip_prefix("missing field `") {
        return Complaint::Missing(rest.trim_end_matches('`').to_owned());
    }
    let mismatch = said.starts_with("invalid type: ") || said.starts_with("invalid value: ");
    if let (true, Some((_, wanted))) = (
        mismatch,
        said.rsplit_once(", expected ")
            .or(said.split_once(" expected ")),
    ) {
        return Complaint::Value(mismatched(value, wanted));
    }
    Complaint::Value(said.to_owned())
}

/// The first name in backticks (its opening one is gone already) and all others.
fn names(rest: &str) -> (String, Vec<&str>) {
    // The name is the writer's and may hold anything, backticks too.
    let (name, list) = rest
        .split_once("`, expected ")
        .or(rest.split_once("`, there are no "))
        .unwrap_or((rest, ""));
    let known = list.split('`').skip(1).step_by(2).collect();
    (name.to_owned(), known)
}

/// A question after the nearest of the known names, when one is near.
fn nearest(name: &str, known: &[&str]) -> String {
    // Long names are never near, and comparing them would take long.
    if name.len() > 64 {
        return String::new();
    }
    let lower = name.to_lowercase();
    let distance = |known: &str| strsim::damerau_levenshtein(&lower, &known.to_lowercase());
    known
        .iter()
        .map(|known| (distance(known), known))
        .min()
        .filter(|(distance, known)| *distance <= known.len().div_ceil(3))
        .map_or(String::new(), |(_, known)| {
            format!("; did you mean {known}?")
        })
}

fn mismatched(value: &Value, wanted: &str) -> String {
    let wanted = wanted_in_words(wanted);
    let hint = match value {
        Value::Number(number) if wanted == "text" => format!("; write it in quotes: \"{number}\""),
        Value::Bool(bool) if wanted == "text" => format!("; write it in quotes: \"{bool}\""),
        Value::Number(number) if wanted.starts_with("a duration") => {
            format!("; with its unit, e.g. {number}s")
        }
        Value::Text(text) if wanted.contains("number") && text.parse::<f64>().is_ok() => {
            "; write it without quotes".to_owned()
        }
        _ => String::new(),
    };
    format!("is {}; {wanted} is wanted{hint}", described(value))
}

fn wanted_in_words(wanted: &str) -> &str {
    match wanted {
        "u32" => "a whole number from 0 to 4294967295",
        "a nonzero u32" => "a whole number from 1 to 4294967295",
        "u16" => "a whole number from 0 to 65535",
        "a nonzero u16" => "a port from 1 to 65535",
        "f64" => "a number",
        "a boolean" => "true or false",
        "a string" => "text",
        "a sequence" => "a list",
        "a map" => "a mapping (name: value)",
        other if other.starts_with("struct ") => "a mapping (field: value)",
        other => other,
    }
}

fn described(value: &Value) -> String {
    match value {
        Value::Null => "empty".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) if text.chars().count() > 100 => "a long text".to_owned(),
        Value::Text(text) => format!("the text {text:?}"),
        Value::Sequence(_) => "a list".to_owned(),
        Value::Mapping(_) => "a mapping".to_owned(),
    }
}
