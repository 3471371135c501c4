use std::fmt;

use serde::{Deserialize, Serialize};

/// A DNS-1123 label: 1 to 63 of a-z, 0-9 and `-`, with a letter or digit at both ends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        let ends = !text.starts_with('-') && !text.ends_with('-');
        if !text.is_empty() && text.len() <= 63 && text.bytes().all(inner) && ends {
            return Ok(Self(text));
        }
        Err(format!(
            "{text:?} is not a name; write 1 to 63 of a-z, 0-9 and -, with a letter or digit at both ends"
        ))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

super::written_as_text!(Name);
