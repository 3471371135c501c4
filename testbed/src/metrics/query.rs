/// The decoded value of `name` in a URL's query.
pub(crate) fn value(query: &str, name: &str) -> Option<String> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| decode(value))
}

/// Percent signs and plus signs decoded; what isn't valid stays as it is.
fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let rest = bytes.as_slice_of(text);
                match rest
                    .get(..2)
                    .and_then(|hex| u8::from_str_radix(hex, 16).ok())
                {
                    Some(value) => {
                        out.push(value);
                        bytes.nth(1);
                    }
                    None => out.push(b'%'),
                }
            }
            other => out.push(other),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// What an iterator over a text's bytes has not seen yet.
trait Rest {
    fn as_slice_of<'a>(&self, text: &'a str) -> &'a str;
}

impl Rest for std::str::Bytes<'_> {
    fn as_slice_of<'a>(&self, text: &'a str) -> &'a str {
        text.get(text.len() - self.len()..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded() {
        let query = "limit=5&labelSelector=app%3Dweb%2Cx+in+%28a%29";
        assert_eq!(
            value(query, "labelSelector").as_deref(),
            Some("app=web,x in (a)")
        );
        assert_eq!(value(query, "other"), None);
        assert_eq!(decode("100%"), "100%");
    }
}
