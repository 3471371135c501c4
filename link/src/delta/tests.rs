use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use rouse_api::link::{RoutedWorkload, Routes};

use super::{Decoder, Encoder, PART};
use crate::convert::tests::routed;
use crate::wire;

fn table(version: u64, mut workloads: Vec<RoutedWorkload>) -> Arc<Routes> {
    workloads.sort_by(|a, b| (a.rank, &a.id).cmp(&(b.rank, &b.id)));
    Arc::new(Routes { version, workloads })
}

fn carry(parts: Vec<wire::Routes>, decoder: &mut Decoder) -> Option<Arc<Routes>> {
    let last = parts.len().checked_sub(1)?;
    let mut table = None;
    for (index, part) in parts.into_iter().enumerate() {
        table = decoder.decode(part).unwrap();
        assert_eq!(table.is_some(), index == last);
    }
    table
}

#[test]
fn only_what_changes_travels() {
    let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
    let (a, b, c) = (routed("a", 1), routed("b", 2), routed("c", 3));
    let first = table(1, vec![a.clone(), b.clone()]);
    let parts = encoder.encode(first.clone());
    assert_eq!((parts.len(), parts[0].base), (1, None));
    assert_eq!(carry(parts, &mut decoder), Some(first.clone()));
    assert!(encoder.encode(first).is_empty());
    let moved = RoutedWorkload { rank: 9, ..b };
    let second = table(2, vec![moved, c]);
    let parts = encoder.encode(second.clone());
    assert_eq!(parts[0].base, Some(1));
    assert_eq!(parts[0].removals, ["default/a"]);
    assert_eq!(parts[0].upserts.len(), 2);
    assert_eq!(carry(parts, &mut decoder), Some(second));
}

#[test]
fn a_large_table_travels_in_parts() {
    let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
    let many: Vec<_> = (0..PART * 2 + 1)
        .map(|n| routed(&format!("w{n}"), 0))
        .collect();
    let first = table(1, many);
    let parts = encoder.encode(first.clone());
    assert_eq!(parts.len(), 3);
    assert_eq!(carry(parts, &mut decoder), Some(first));
    let parts = encoder.encode(table(2, Vec::new()));
    assert_eq!(parts.len(), 3);
    assert_eq!(carry(parts, &mut decoder), Some(table(2, Vec::new())));
}

#[test]
fn a_change_that_does_not_fit_is_refused() {
    let mut decoder = Decoder::default();
    let part = |base, version, more| wire::Routes {
        version,
        base,
        more,
        ..Default::default()
    };
    assert_eq!(
        decoder.decode(part(Some(1), 2, false)).unwrap_err().field,
        "routes.base"
    );
    decoder.decode(part(None, 4, false)).unwrap();
    assert_eq!(
        decoder.decode(part(Some(3), 5, false)).unwrap_err().field,
        "routes.base"
    );
    assert_eq!(decoder.decode(part(Some(4), 6, true)), Ok(None));
    assert_eq!(
        decoder.decode(part(Some(4), 7, false)).unwrap_err().field,
        "routes.version"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_other_side_has_the_same_table(
        tables in prop::collection::vec(prop::collection::btree_map(0u8..12, -2i64..3, 0..8), 1..8)
    ) {
        let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
        for (version, workloads) in tables.into_iter().enumerate() {
            let workloads: BTreeMap<u8, i64> = workloads;
            let workloads = workloads.into_iter().map(|(n, rank)| routed(&format!("w{n}"), rank));
            let sent = table(version as u64, workloads.collect());
            prop_assert_eq!(carry(encoder.encode(sent.clone()), &mut decoder), Some(sent));
        }
    }
}
