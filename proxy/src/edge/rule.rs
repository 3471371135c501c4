//! Rules made ready for use: nothing is parsed per request, and one look at the user agent passes over all rules that want another.

mod glob;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;

use aho_corasick::AhoCorasick;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;
use rouse_api::workload::{self as api, HeaderMatch};

use super::Fixed;
use glob::Glob;

/// A list of rules; see the module.
#[derive(Debug)]
pub struct Rules {
    rules: Vec<Rule>,
    /// A text of each pattern for user agents: where none of them stands, none of these patterns matches.
    words: Option<AhoCorasick>,
}

#[derive(Debug)]
struct Rule {
    methods: Vec<Box<str>>,
    path_prefixes: Vec<Box<str>>,
    headers: Vec<(HeaderName, Option<HeaderValue>)>,
    user_agents: Vec<Glob>,
    sources: Vec<IpNet>,
    action: Action,
}

/// What becomes of a request.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    Respond(Arc<Fixed>),
    NoWake(Option<Arc<Fixed>>),
    Wake,
}

impl Rules {
    /// `None`: there are none.
    #[must_use]
    pub fn new(rules: &[api::Rule]) -> Option<Self> {
        let rules: Vec<Rule> = rules.iter().filter_map(Rule::new).collect();
        if rules.is_empty() {
            return None;
        }
        let globs = rules.iter().flat_map(|rule| &rule.user_agents);
        let words: Option<Vec<&str>> = globs.map(Glob::word).collect();
        // A pattern of stars alone has no text; and what can't be built only costs time.
        let words = words.filter(|words| !words.is_empty());
        let words = words.and_then(|words| AhoCorasick::new(words).ok());
        Some(Self { rules, words })
    }

    /// The number of the first rule that matches. `source` is asked for only where a rule wants to know.
    #[must_use]
    pub fn find(
        &self,
        method: &str,
        path: &str,
        headers: &HeaderMap,
        source: impl Fn() -> IpAddr,
    ) -> Option<usize> {
        let agent = headers.get(header::USER_AGENT).map(HeaderValue::as_bytes);
        let agent = agent.unwrap_or_default();
        let words = self.words.as_ref();
        let known = words.is_none_or(|words| words.is_match(agent));
        self.rules.iter().position(|rule| {
            (known || rule.user_agents.is_empty())
                && rule.matches(method, path, headers, agent, &source)
        })
    }

    pub(crate) fn action(
        &self,
        method: &str,
        path: &str,
        headers: &HeaderMap,
        source: impl Fn() -> IpAddr,
    ) -> Option<&Action> {
        let found = self.find(method, path, headers, source)?;
        self.rules.get(found).map(|rule| &rule.action)
    }
}

impl Rule {
    /// None when a header to match is no header (validation lets none through): it could never match.
    fn new(rule: &api::Rule) -> Option<Self> {
        let matches = &rule.matches;
        let header = |(name, wanted): &(String, HeaderMatch)| {
            let name = HeaderName::try_from(name).ok()?;
            match wanted {
                HeaderMatch::Present => Some((name, None)),
                HeaderMatch::Exact(value) => Some((name, Some(HeaderValue::try_from(value).ok()?))),
            }
        };
        let fixed = |respond| Arc::new(Fixed::new(respond));
        let text = |text: &String| text.as_str().into();
        Some(Self {
            methods: matches.methods.iter().map(text).collect(),
            path_prefixes: matches
                .path_prefixes
                .iter()
                .map(|path| path.as_str().into())
                .collect(),
            headers: matches.headers.iter().map(header).collect::<Option<_>>()?,
            user_agents: matches
                .user_agents
                .iter()
                .map(|text| Glob::new(text))
                .collect(),
            sources: matches.source_addresses.clone(),
            action: match &rule.action {
                api::RuleAction::Respond(respond) => Action::Respond(fixed(respond)),
                api::RuleAction::NoWake(respond) => Action::NoWake(respond.as_ref().map(fixed)),
                api::RuleAction::Wake => Action::Wake,
            },
        })
    }

    fn matches(
        &self,
        method: &str,
        path: &str,
        headers: &HeaderMap,
        agent: &[u8],
        source: impl Fn() -> IpAddr,
    ) -> bool {
        (self.methods.is_empty() || self.methods.iter().any(|one| **one == *method))
            && (self.path_prefixes.is_empty()
                || self
                    .path_prefixes
                    .iter()
                    .any(|prefix| is_under(path, prefix)))
            && self.headers.iter().all(|(name, wanted)| match wanted {
                None => headers.contains_key(name),
                Some(wanted) => headers.get_all(name).iter().any(|value| value == wanted),
            })
            && (self.user_agents.is_empty()
                || self.user_agents.iter().any(|glob| glob.matches(agent)))
            && (self.sources.is_empty() || {
                let source = source().to_canonical();
                self.sources.iter().any(|network| network.contains(&source))
            })
    }
}

/// On segment borders; the prefix without its last slash.
fn is_under(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || prefix.is_empty())
}
