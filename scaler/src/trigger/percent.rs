use std::fmt::Write;

/// As a part of a query: what is not unreserved (RFC 3986) is written as `%XX`.
pub(super) fn encoded(text: &str) -> String {
    let mut all = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            all.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(all, "%{byte:02X}");
        }
    }
    all
}
