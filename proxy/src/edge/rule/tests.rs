use proptest::prelude::*;
use rouse_api::workload::{PathPrefix, Respond, Rule as ApiRule, RuleAction, RuleMatch};

use super::*;

fn rule(tune: impl FnOnce(&mut RuleMatch)) -> ApiRule {
    let mut matches = RuleMatch::default();
    tune(&mut matches);
    ApiRule {
        matches,
        action: RuleAction::NoWake(None),
    }
}

/// Which of the rules a GET of `/a/b` by `curl/8` from 192.0.2.1 with `x-a: 1` meets.
fn found(rules: &[ApiRule]) -> Option<usize> {
    let mut headers = HeaderMap::new();
    headers.insert("x-a", HeaderValue::from_static("1"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static("curl/8"));
    let source = || "192.0.2.1".parse().unwrap();
    Rules::new(rules)?.find("GET", "/a/b", &headers, source)
}

#[test]
fn each_part_must_match_and_of_a_list_any() {
    let texts = |texts: &[&str]| {
        texts
            .iter()
            .map(|text| (*text).to_owned())
            .collect::<Vec<_>>()
    };
    let path = |path| PathPrefix::parse(path).unwrap();
    let header = |value: &str| {
        let wanted = match value {
            "*" => HeaderMatch::Present,
            value => HeaderMatch::Exact(value.to_owned()),
        };
        vec![("x-a".to_owned(), wanted)]
    };
    for (tune, wanted) in [
        (
            Box::new(|_: &mut RuleMatch| {}) as Box<dyn FnOnce(&mut RuleMatch)>,
            true,
        ),
        (Box::new(|m| m.methods = texts(&["POST", "GET"])), true),
        (Box::new(|m| m.methods = texts(&["POST"])), false),
        (Box::new(|m| m.methods = texts(&["get"])), false),
        (
            Box::new(|m| m.path_prefixes = vec![path("/x"), path("/a")]),
            true,
        ),
        (Box::new(|m| m.path_prefixes = vec![path("/a/b")]), true),
        (Box::new(|m| m.path_prefixes = vec![path("/")]), true),
        (Box::new(|m| m.path_prefixes = vec![path("/a/b/c")]), false),
        (Box::new(|m| m.headers = header("*")), true),
        (Box::new(|m| m.headers = header("1")), true),
        (Box::new(|m| m.headers = header("2")), false),
        (
            Box::new(|m| m.user_agents = texts(&["wget", "curl/*"])),
            true,
        ),
        (Box::new(|m| m.user_agents = texts(&["*"])), true),
        (Box::new(|m| m.user_agents = texts(&["wget*"])), false),
        (
            Box::new(|m| m.source_addresses = vec!["192.0.2.0/24".parse().unwrap()]),
            true,
        ),
        (
            Box::new(|m| m.source_addresses = vec!["::/0".parse().unwrap()]),
            false,
        ),
        (
            Box::new(|m| {
                m.methods = texts(&["GET"]);
                m.user_agents = texts(&["wget"]);
            }),
            false,
        ),
    ] {
        let one = rule(tune);
        assert_eq!(
            found(std::slice::from_ref(&one)),
            wanted.then_some(0),
            "{one:?}"
        );
    }
}

#[test]
fn the_first_match_wins() {
    let agent = |text: &str| rule(|m| m.user_agents = vec![text.to_owned()]);
    let any = || rule(|_| {});
    assert_eq!(found(&[agent("wget"), agent("curl/*"), any()]), Some(1));
    assert_eq!(found(&[agent("wget"), any(), agent("curl/*")]), Some(1));
    assert_eq!(found(&[agent("wget"), agent("*/9")]), None);
    assert_eq!(found(&[]), None);
}

#[test]
fn prefixes_end_at_segments() {
    assert!(is_under("/v1", "/v1") && is_under("/v1/x", "/v1") && is_under("/v1/", "/v1"));
    assert!(!is_under("/v10", "/v1") && !is_under("/", "/v1"));
    assert!(is_under("/", "") && is_under("*", ""));
}

#[test]
fn a_fixed_answer_is_as_it_was_written() {
    let respond = Respond {
        status: 418,
        headers: vec![("x-a".to_owned(), "1".to_owned())],
        body: "tea".to_owned(),
    };
    let answer = Fixed::new(&respond).answer();
    assert_eq!(answer.status(), 418);
    assert_eq!(answer.headers()["x-a"], "1");
    assert_eq!(
        answer.headers()["content-type"],
        "text/plain; charset=utf-8"
    );
}

#[test]
fn stars_stand_for_any_text() {
    for (pattern, text, wanted) in [
        ("kube-probe/*", "kube-probe/1.32", true),
        ("kube-probe/*", "x kube-probe/1.32", false),
        ("*Robot*", "UptimeRobot/2.0", true),
        ("*Robot", "Robot", true),
        ("a*a", "a", false),
        ("a*a", "aa", true),
        ("a*b*a", "aba", true),
        ("*ab*ab*", "abab", true),
        ("*ab*ab*", "aab", false),
        ("abc", "abc", true),
        ("abc", "abcd", false),
        ("**", "", true),
    ] {
        assert_eq!(
            Glob::new(pattern).matches(text.as_bytes()),
            wanted,
            "{pattern} {text}"
        );
    }
}

/// By trying every way to cut the text.
fn slowly(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|at| slowly(rest, &text[at..])),
        Some((one, rest)) => text
            .split_first()
            .is_some_and(|(two, text)| one == two && slowly(rest, text)),
    }
}

proptest! {
    #[test]
    fn as_the_slow_way_finds(pattern in "[ab*]{0,7}", text in "[ab]{0,9}") {
        let glob = Glob::new(&pattern);
        let matches = glob.matches(text.as_bytes());
        prop_assert_eq!(matches, slowly(pattern.as_bytes(), text.as_bytes()));
        if let (true, Some(word)) = (matches, glob.word()) {
            prop_assert!(text.contains(word));
        }
    }
}
