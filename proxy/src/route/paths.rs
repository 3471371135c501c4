use std::collections::HashMap;
use std::sync::Arc;

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use rouse_api::workload::HeaderMatch;

/// The prefixes of one host.
#[derive(Debug, Default)]
pub(super) struct Paths {
    by_prefix: HashMap<Box<str>, Vec<Candidate>>,
    /// No prefix is longer: longer parts of a path need no look.
    longest: usize,
}

/// A workload with the headers it wants.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    workload: usize,
    headers: Arc<[(HeaderName, Option<HeaderValue>)]>,
}

impl Candidate {
    /// None when a header to match is no header.
    pub(super) fn new(workload: usize, headers: &[(String, HeaderMatch)]) -> Option<Self> {
        let parse = |(name, wanted): &(String, HeaderMatch)| {
            let name = HeaderName::try_from(name).ok()?;
            match wanted {
                HeaderMatch::Present => Some((name, None)),
                HeaderMatch::Exact(value) => Some((name, Some(HeaderValue::try_from(value).ok()?))),
            }
        };
        let headers = headers.iter().map(parse).collect::<Option<_>>()?;
        Some(Self { workload, headers })
    }

    fn matches(&self, headers: &HeaderMap) -> bool {
        self.headers.iter().all(|(name, wanted)| match wanted {
            None => headers.contains_key(name),
            Some(wanted) => headers.get_all(name).iter().any(|value| value == wanted),
        })
    }
}

impl Paths {
    pub(super) fn add(&mut self, prefix: &str, candidate: Candidate) {
        self.longest = self.longest.max(prefix.len());
        self.by_prefix
            .entry(prefix.into())
            .or_default()
            .push(candidate);
    }

    /// More headers first, then more of them by value, then the earlier workload.
    pub(super) fn sort(&mut self) {
        for candidates in self.by_prefix.values_mut() {
            candidates.sort_by_key(|candidate| {
                let by_value = candidate
                    .headers
                    .iter()
                    .filter(|(_, value)| value.is_some());
                (
                    std::cmp::Reverse(candidate.headers.len()),
                    std::cmp::Reverse(by_value.count()),
                    candidate.workload,
                )
            });
        }
    }

    pub(super) fn find(&self, path: &str, headers: &HeaderMap) -> Option<usize> {
        let matching = |prefix: &str| {
            let candidate = self
                .by_prefix
                .get(prefix)?
                .iter()
                .find(|candidate| candidate.matches(headers))?;
            Some(candidate.workload)
        };
        if self.longest > 0 {
            let mut end = path.len();
            while end > 0 {
                if end <= self.longest
                    && let Some(found) = matching(&path[..end])
                {
                    return Some(found);
                }
                // The next border that could be one: never more looks than the longest prefix has places.
                end = path.as_bytes()[..end.min(self.longest + 1)]
                    .iter()
                    .rposition(|byte| *byte == b'/')
                    .unwrap_or(0);
            }
        }
        matching("")
    }
}
