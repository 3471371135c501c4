use std::borrow::Cow;

/// No host name is longer (RFC 1035: 255 octets): what is matches only routes for any host.
pub(super) const LONGEST: usize = 255;

/// Lower case, without a port or a trailing dot; allocates only for upper case.
pub(crate) fn normal(host: &str) -> Cow<'_, str> {
    let name = match host.rfind(':') {
        // In an IPv6 address the last colon is a port's only behind the bracket.
        Some(colon) if !host[colon..].contains(']') => &host[..colon],
        _ => host,
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

/// What a wildcard may stand before, the longest first: `b.c` and `c` for `a.b.c`. A wildcard stands for at least one label.
pub(super) fn suffixes(host: &str) -> impl Iterator<Item = &str> {
    host.match_indices('.')
        .filter(|(dot, _)| *dot > 0)
        .map(|(dot, _)| &host[dot + 1..])
}
