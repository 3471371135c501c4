//! Which pods belong together, by their labels.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{Expression, Selector, SelectorExt};

/// Labels of a pod.
pub type Labels = BTreeMap<String, String>;

/// A selector of a target or a Service. One that would select everything selects nothing: of a Service that means that somebody
/// else writes its endpoints.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PodSelector(Selector);

impl PodSelector {
    /// As a Service writes it.
    #[must_use]
    pub fn of_labels(labels: Labels) -> Self {
        Self(labels.into_iter().collect())
    }

    /// As a Deployment writes it; `None`: it can't be read.
    #[must_use]
    pub fn of_selector(selector: LabelSelector) -> Option<Self> {
        selector.try_into().ok().map(Self)
    }

    /// As `status.selector` of a scale subresource writes it: `a=b,c!=d,e in (f,g),h,!i`. `None`: it can't be read.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = Vec::new();
        for part in split(text)? {
            parts.push(expression(part)?);
        }
        Some(Self(parts.into_iter().collect()))
    }

    /// Selects nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.selects_all()
    }

    /// Whether a pod with these labels is selected.
    #[must_use]
    pub fn matches(&self, labels: &Labels) -> bool {
        !self.is_empty() && self.0.matches(labels)
    }

    /// Labels that every selected pod has.
    #[must_use]
    pub fn pairs(&self) -> Vec<(String, String)> {
        let pair = |expression| match expression {
            Expression::Equal(key, value) => Some((key, value)),
            _ => None,
        };
        self.0.clone().into_iter().filter_map(pair).collect()
    }
}

/// At the commas outside of parentheses.
fn split(text: &str) -> Option<Vec<&str>> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_u32, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1)?,
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts.retain(|part| !part.trim().is_empty());
    (depth == 0).then_some(parts)
}

fn expression(part: &str) -> Option<Expression> {
    let part = part.trim();
    let owned = |text: &str| text.trim().to_owned();
    if let Some((head, values)) = part.split_once('(') {
        let values = values.strip_suffix(')')?.split(',').map(owned).collect();
        let mut words = head.split_whitespace();
        let (key, operator) = (words.next()?, words.next()?);
        return match (operator, words.next()) {
            ("in", None) => Some(Expression::In(key.to_owned(), values)),
            ("notin", None) => Some(Expression::NotIn(key.to_owned(), values)),
            _ => None,
        };
    }
    if let Some((key, value)) = part.split_once("!=") {
        return Some(Expression::NotEqual(owned(key), owned(value)));
    }
    if let Some((key, value)) = part.split_once('=') {
        let value = value.strip_prefix('=').unwrap_or(value);
        return Some(Expression::Equal(owned(key), owned(value)));
    }
    if part.contains(char::is_whitespace) {
        return None;
    }
    match part.strip_prefix('!') {
        Some(key) => Some(Expression::DoesNotExist(owned(key))),
        None => Some(Expression::Exists(owned(part))),
    }
}
