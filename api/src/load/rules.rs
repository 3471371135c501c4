//! Rules for all workloads: a file of a proxy's own.

use std::path::Path;

use serde::Deserialize;

use super::path::FieldPath;
use super::problem::Problem;
use super::{decode, read, resolve};
use crate::resource;
use crate::workload::Rule;

/// What such a file is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RulesFile {
    rules: Vec<resource::Rule>,
}

/// Reads rules as a proxy's configuration has them: one document with the field `rules`, each as in `spec.http.rules`.
///
/// # Errors
/// With all problems of the file.
pub fn rules(file: &Path, text: &str) -> Result<Vec<Rule>, Vec<Problem>> {
    let (documents, mut problems) = read::read(file, text);
    let count = documents.len();
    let mut rules = Vec::new();
    if count == 0 && problems.is_empty() {
        problems.push(Problem {
            file: file.to_owned(),
            line: 1,
            column: 1,
            document: 0,
            resource: None,
            path: String::new(),
            message: "is empty; for no rules write rules: []".to_owned(),
        });
    }
    for mut document in documents {
        if count > 1 {
            document.refuse(
                &FieldPath::default(),
                format!("is one of {count} documents; write all rules into one"),
            );
        }
        if let Some(file) = decode::decode_as::<RulesFile>(&mut document) {
            rules = resolve::rules(&mut document, &file.rules, &FieldPath::of("rules"));
        }
        problems.append(&mut document.problems);
    }
    if problems.is_empty() {
        return Ok(rules);
    }
    problems.sort_by(|a, b| a.order().cmp(&b.order()));
    Err(problems)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{RuleAction, RuleMatch};

    fn read(text: &str) -> Result<Vec<Rule>, Vec<String>> {
        rules(Path::new("rules.yaml"), text)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_file_of_rules_is_read() {
        let text = "rules:\n- match: {userAgents: [\"kube-probe/*\"]}\n  action: {noWake: {}}\n";
        let rule = Rule {
            matches: RuleMatch {
                user_agents: vec!["kube-probe/*".to_owned()],
                ..RuleMatch::default()
            },
            action: RuleAction::NoWake(None),
        };
        assert_eq!(read(text), Ok(vec![rule]));
        assert_eq!(read("rules: []"), Ok(Vec::new()));
    }

    #[test]
    fn a_mistake_is_told_with_its_place() {
        for (text, wanted) in [
            (
                "rules:\n- match: {}\n  action: {}",
                "rules.yaml:3: rules[0].action: has 0 of respond, noWake and wake",
            ),
            (
                "rules:\n- match: {method: GET}\n  action: {noWake: {}}",
                "rules.yaml:2: rules[0].match.method: is not a field here; did you mean methods?",
            ),
            (
                "rules: []\n---\nrules: []",
                "rules.yaml:1: is one of 2 documents",
            ),
            ("", "rules.yaml:1: is empty; for no rules write rules: []"),
            (
                "[]",
                "rules.yaml:1: is a list; a mapping (field: value) is wanted",
            ),
        ] {
            let problems = read(text).unwrap_err();
            assert!(problems[0].starts_with(wanted), "{text}: {problems:?}");
        }
    }
}
