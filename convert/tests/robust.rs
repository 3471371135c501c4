//! Whatever stands in a manifest: nothing panics, and what comes out loads.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use rouse_api::load;
use rouse_convert::read::documents;
use rouse_convert::set::{self, Wishes};
use rouse_convert::{Node, keda};
use serde_json::Value;

fn fixtures() -> Vec<Node> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let texts = paths.iter().map(|path| fs::read_to_string(path).unwrap());
    texts
        .flat_map(|text| documents(&text).unwrap())
        .map(|document| document.node)
        .collect()
}

/// Values in it, itself counted.
fn size(node: &Node) -> usize {
    1 + match node {
        Node::List(nodes) => nodes.iter().map(size).sum(),
        Node::Map(fields) => fields.iter().map(|(_, node)| size(node)).sum(),
        _ => 0,
    }
}

/// Puts another value in the place of one.
fn replace(node: &mut Node, place: &mut usize, with: &Node) {
    if *place == 0 {
        *node = with.clone();
    }
    *place = place.wrapping_sub(1);
    match node {
        Node::List(nodes) => nodes.iter_mut().for_each(|node| replace(node, place, with)),
        Node::Map(fields) => fields
            .iter_mut()
            .for_each(|(_, node)| replace(node, place, with)),
        _ => {}
    }
}

fn anything() -> impl Strategy<Value = Node> {
    prop_oneof![
        Just(Node::Null),
        any::<bool>().prop_map(Node::Bool),
        any::<i64>().prop_map(|number| Node::Number(number.into())),
        any::<f64>().prop_map(|number| {
            serde_json::Number::from_f64(number).map_or(Node::Null, Node::Number)
        }),
        ".{0,12}".prop_map(Node::Text),
        "-?[0-9]{1,20}(\\.[0-9]{1,3})?[a-zA-Z]{0,2}".prop_map(Node::Text),
        Just(Node::List(vec![Node::Null, Node::from("a")])),
        Just(Node::Map(vec![("name".to_owned(), Node::from("a"))])),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_manifest(which in any::<prop::sample::Index>(), places in prop::collection::vec((any::<prop::sample::Index>(), anything()), 1..4)) {
        let all = fixtures();
        let mut object = which.get(&all).clone();
        for (place, with) in &places {
            let mut place = place.index(size(&object));
            replace(&mut object, &mut place, with);
        }
        let mut known = keda::Known::default();
        for other in &all {
            known.add(other);
        }
        known.add(&object);
        if let Some(resource) = keda::convert(&object, &known).resource {
            let value: Value = serde_json::to_value(&resource).unwrap();
            prop_assert!(load::object(&value).is_ok());
        }
        let text = rouse_convert::write::yaml(&object, &[]);
        let output = set::convert(&[("a.yaml".to_owned(), text)], Wishes::default()).map_err(|problems| TestCaseError::fail(format!("{problems:?}")))?;
        let read = documents(&output.yaml);
        prop_assert!(read.is_ok(), "{read:?} of {}", output.yaml);
    }

    #[test]
    fn yaml_comes_back_as_it_was(node in anything().prop_recursive(4, 32, 4, |inner| prop_oneof![
        prop::collection::vec(inner.clone(), 0..4).prop_map(Node::List),
        prop::collection::btree_map("[a-z\\-:#\n \"]{1,6}|.{1,4}", inner, 0..4).prop_map(|all| Node::Map(all.into_iter().collect())),
    ]), comment in ".{0,200}") {
        let node = Node::Map(vec![("it".to_owned(), node)]);
        let comments = [(load::FieldPath::of("it"), comment)];
        let text = rouse_convert::write::yaml(&node, &comments);
        let back = documents(&text).map_err(|why| TestCaseError::fail(format!("{why}: {text}")))?;
        prop_assert_eq!(&back[0].node, &node, "{}", text);
    }

    #[test]
    fn any_text(text in "(.|\n){0,200}") {
        let _ = set::convert(&[("a.yaml".to_owned(), text)], Wishes::default());
    }
}
