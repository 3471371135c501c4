//! A number at a place in JSON, YAML or XML.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use rouse_api::resource::{AnswerFormat, Quantity};
use serde_json::{Map, Value};

/// Characters of what a workload itself has written.
const TOLD: usize = 40;

/// Elements inside each other.
const DEEPEST: usize = 64;

/// What stands for text that is not resolved, and is no part of a number.
const UNRESOLVED: char = char::REPLACEMENT_CHARACTER;

/// # Errors
/// With a sentence that says what is there instead.
pub(super) fn value(format: AnswerFormat, body: &[u8], location: &str) -> Result<f64, String> {
    let whole = match format {
        AnswerFormat::Xml => xml(body)?,
        AnswerFormat::Yaml => std::str::from_utf8(body)
            .ok()
            .and_then(|text| serde_saphyr::from_str(text).ok())
            .ok_or("the answer is not YAML")?,
        AnswerFormat::Json | AnswerFormat::Prometheus => {
            serde_json::from_slice(body).map_err(|_| "the answer is not JSON")?
        }
    };
    let (mut node, mut way) = (&whole, String::new());
    let steps = steps(location);
    for (at, step) in steps.iter().enumerate() {
        if step == "#"
            && at + 1 == steps.len()
            && let Value::Array(all) = node
        {
            return Ok(all.len() as f64);
        }
        node = inner(node, step).ok_or_else(|| absent(node, step, &way))?;
        if !way.is_empty() {
            way.push('.');
        }
        way.push_str(step);
    }
    number(node).ok_or_else(|| format!("{location} is {}, and a number is wanted", shown(node)))
}

/// Between dots; `\.` is a dot of a name.
fn steps(location: &str) -> Vec<String> {
    let mut steps = vec![String::new()];
    let mut characters = location.chars();
    while let Some(c) = characters.next() {
        let last = steps.len() - 1;
        match c {
            '.' => steps.push(String::new()),
            '\\' => steps[last].extend(characters.next()),
            c => steps[last].push(c),
        }
    }
    steps
}

fn inner<'a>(node: &'a Value, step: &str) -> Option<&'a Value> {
    match node {
        Value::Object(fields) => fields.get(step),
        Value::Array(all) => all.get(step.parse::<usize>().ok()?),
        _ => None,
    }
}

fn absent(node: &Value, step: &str, way: &str) -> String {
    let place = if way.is_empty() { "the answer" } else { way };
    let there = match node {
        Value::Array(all) => format!(
            "it is a list of {}: write 0 for the first, # for how many",
            all.len()
        ),
        other => format!("it is {}", shown(other)),
    };
    format!("{place} has no {}; {there}", clipped(step))
}

fn number(node: &Value) -> Option<f64> {
    let number = match node {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => match text.trim().parse() {
            Ok(number) => number,
            Err(_) => {
                let quantity: Quantity = serde_json::from_value(node.clone()).ok()?;
                quantity.thousandths() as f64 / 1e3
            }
        },
        // An element with attributes.
        Value::Object(fields) => number(fields.get(TEXT)?)?,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

/// What it is, and not what it says: who writes a location could read with it what only the scaler can reach.
fn shown(node: &Value) -> String {
    match node {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "true or false".to_owned(),
        Value::Number(_) => "a number".to_owned(),
        Value::String(text) => format!("text of {} characters", text.chars().count()),
        Value::Array(all) => format!("a list of {}", all.len()),
        Value::Object(fields) => format!("an object of {} fields", fields.len()),
    }
}

fn clipped(text: &str) -> String {
    text.chars().take(TOLD).collect()
}

/// The text of an element that has more than text.
const TEXT: &str = "#text";

/// Elements as fields, attributes as fields `-name`, those of one name as a list, and what has nothing but text as text.
fn xml(body: &[u8]) -> Result<Value, String> {
    let wrong = |error: &dyn std::fmt::Display| clipped(&format!("the answer is not XML: {error}"));
    let text = std::str::from_utf8(body).map_err(|error| wrong(&error))?;
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut open: Vec<(String, Map<String, Value>, String)> =
        vec![(String::new(), Map::new(), String::new())];
    loop {
        let event = reader.read_event().map_err(|error| wrong(&error))?;
        let depth = open.len();
        let Some((_, _, inside)) = open.last_mut() else {
            return Err(wrong(&"an element ends that never began"));
        };
        match event {
            Event::Start(start) if depth <= DEEPEST => {
                let name = String::from_utf8_lossy(start.name().as_ref()).into_owned();
                open.push((name, attributes(&start), String::new()));
            }
            Event::Start(_) => {
                return Err(format!(
                    "the answer has more than {DEEPEST} elements inside each other"
                ));
            }
            Event::Text(more) => inside.push_str(&more.decode().map_err(|error| wrong(&error))?),
            Event::CData(more) => inside.push_str(&more.decode().map_err(|error| wrong(&error))?),
            Event::GeneralRef(_) => inside.push(UNRESOLVED),
            Event::End(_) => {
                let (Some((name, fields, text)), Some((_, outer, _))) =
                    (open.pop(), open.last_mut())
                else {
                    return Err(wrong(&"an element ends that never began"));
                };
                put(outer, name, element(fields, text));
            }
            Event::Eof => break,
            _ => {}
        }
    }
    match (open.pop(), open.is_empty()) {
        (Some((_, whole, _)), true) if !whole.is_empty() => Ok(Value::Object(whole)),
        _ => Err(wrong(&"it breaks off")),
    }
}

fn attributes(start: &BytesStart<'_>) -> Map<String, Value> {
    let all = start.attributes().filter_map(Result::ok);
    let pairs = all.map(|one| {
        let name = String::from_utf8_lossy(one.key.as_ref()).into_owned();
        let value = String::from_utf8_lossy(&one.value).into_owned();
        (format!("-{name}"), Value::String(value))
    });
    pairs.collect()
}

fn element(mut fields: Map<String, Value>, text: String) -> Value {
    if fields.is_empty() {
        return Value::String(text);
    }
    if !text.trim().is_empty() {
        fields.insert(TEXT.to_owned(), Value::String(text));
    }
    Value::Object(fields)
}

fn put(outer: &mut Map<String, Value>, name: String, value: Value) {
    match outer.get_mut(&name) {
        None => {
            outer.insert(name, value);
        }
        Some(Value::Array(all)) => all.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
    }
}
