//! Patterns in which a star stands for any text.

/// A pattern, cut at its stars.
#[derive(Debug)]
pub(super) struct Glob {
    /// What it begins with; empty after a leading star.
    head: Box<str>,
    /// Between stars, in this order.
    middle: Vec<Box<str>>,
    /// What it ends with; `None`: there is no star, and the head is all of it.
    tail: Option<Box<str>>,
}

impl Glob {
    pub(super) fn new(pattern: &str) -> Self {
        let mut parts = pattern.split('*');
        let head = parts.next().unwrap_or_default().into();
        let tail = parts.next_back().map(Into::into);
        let middle = parts
            .filter(|part| !part.is_empty())
            .map(Into::into)
            .collect();
        Self { head, middle, tail }
    }

    /// The longest text that must stand in what it matches; `None`: there is none.
    pub(super) fn word(&self) -> Option<&str> {
        let parts = self.middle.iter().chain([&self.head]).chain(&self.tail);
        let parts = parts.map(|part| &**part).filter(|part| !part.is_empty());
        parts.max_by_key(|part| part.len())
    }

    pub(super) fn matches(&self, text: &[u8]) -> bool {
        let Some(tail) = &self.tail else {
            return text == self.head.as_bytes();
        };
        let Some(rest) = text.strip_prefix(self.head.as_bytes()) else {
            return false;
        };
        let Some(mut rest) = rest.strip_suffix(tail.as_bytes()) else {
            return false;
        };
        // The first place is the best one: it leaves the most to what follows.
        for part in &self.middle {
            let part = part.as_bytes();
            let Some(at) = rest.windows(part.len()).position(|window| window == part) else {
                return false;
            };
            rest = &rest[at + part.len()..];
        }
        true
    }
}
