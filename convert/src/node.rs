use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Number, Value};

/// A value of YAML or JSON whose fields keep the order in which they were written.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Node {
    /// Nothing.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A finite number.
    Number(Number),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, each key once.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// What serializes, with its fields in their own order.
    ///
    /// # Errors
    /// When it can't be written as JSON.
    pub fn of(value: &impl Serialize) -> Result<Self, serde_json::Error> {
        // By text: a `serde_json::Value` would sort the fields.
        serde_json::from_str(&serde_json::to_string(value)?)
    }

    /// A field of a mapping; `None` also for one that is null.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Self::Map(fields) = self else {
            return None;
        };
        let field = fields.iter().find(|(name, _)| name == key)?;
        Some(&field.1).filter(|node| **node != Self::Null)
    }

    /// A field within fields, e.g. `metadata.name`.
    #[must_use]
    pub fn find(&self, dotted: &str) -> Option<&Self> {
        dotted.split('.').try_fold(self, Self::get)
    }

    /// The text of a field within fields.
    #[must_use]
    pub fn text(&self, dotted: &str) -> Option<&str> {
        self.find(dotted)?.as_text()
    }

    /// The elements of a list within fields; none when it is something else or not there.
    #[must_use]
    pub fn list(&self, dotted: &str) -> &[Self] {
        match self.find(dotted) {
            Some(Self::List(nodes)) => nodes,
            _ => &[],
        }
    }

    /// The fields of a mapping within fields; none when it is something else or not there.
    #[must_use]
    pub fn fields(&self, dotted: &str) -> &[(String, Self)] {
        match self.find(dotted) {
            Some(Self::Map(fields)) => fields,
            _ => &[],
        }
    }

    /// The text that it is.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Without fields that are null, which to Kubernetes are not there.
    pub(crate) fn without_nulls(&self) -> Self {
        match self {
            Self::List(nodes) => Self::List(nodes.iter().map(Self::without_nulls).collect()),
            Self::Map(fields) => Self::Map(
                fields
                    .iter()
                    .filter(|(_, node)| *node != Self::Null)
                    .map(|(key, node)| (key.clone(), node.without_nulls()))
                    .collect(),
            ),
            scalar => scalar.clone(),
        }
    }

    /// What kind of value it is, for people.
    pub(crate) fn described(&self) -> String {
        match self {
            Self::Null => "empty".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Text(text) if text.chars().count() > 100 => "a long text".to_owned(),
            Self::Text(text) => format!("{text:?}"),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) => "a mapping".to_owned(),
        }
    }

    /// Values that are in it, itself counted.
    pub(crate) fn size(&self) -> usize {
        1 + match self {
            Self::List(nodes) => nodes.iter().map(Self::size).sum(),
            Self::Map(fields) => fields.iter().map(|(_, node)| node.size()).sum(),
            _ => 0,
        }
    }

    /// How deep it is nested; 0 for a scalar.
    pub(crate) fn depth(&self) -> usize {
        let deepest = match self {
            Self::List(nodes) => nodes.iter().map(Self::depth).max(),
            Self::Map(fields) => fields.iter().map(|(_, node)| node.depth()).max(),
            _ => return 0,
        };
        1 + deepest.unwrap_or(0)
    }
}

impl From<&Value> for Node {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => Self::Number(number.clone()),
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(values) => Self::List(values.iter().map(Self::from).collect()),
            Value::Object(fields) => Self::Map(
                fields
                    .iter()
                    .map(|(key, value)| (key.clone(), Self::from(value)))
                    .collect(),
            ),
        }
    }
}

impl From<&Node> for Value {
    fn from(node: &Node) -> Self {
        match node {
            Node::Null => Self::Null,
            Node::Bool(value) => Self::Bool(*value),
            Node::Number(number) => Self::Number(number.clone()),
            Node::Text(text) => Self::String(text.clone()),
            Node::List(nodes) => Self::Array(nodes.iter().map(Self::from).collect()),
            Node::Map(fields) => Self::Object(
                fields
                    .iter()
                    .map(|(key, node)| (key.clone(), Self::from(node)))
                    .collect(),
            ),
        }
    }
}

impl From<&str> for Node {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
        Ok(Node::Number(number.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
        Ok(Node::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Node, E> {
        // A whole number is written as one.
        let whole = format!("{number:.0}");
        let number = match whole.parse::<i64>() {
            Ok(same) if number.fract() == 0.0 => Some(same.into()),
            _ => Number::from_f64(number),
        };
        Ok(number.map_or(Node::Null, Node::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = all.next_element()? {
            nodes.push(node);
        }
        Ok(Node::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut all: A) -> Result<Node, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = all.next_entry()? {
            fields.push(field);
        }
        Ok(Node::Map(fields))
    }
}
