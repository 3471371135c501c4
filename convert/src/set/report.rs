//! What was read and what became of it, for people.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::Item;
use super::fate::{Fate, FateKind, origin};
use crate::note::NoteKind;

/// A line for each document, indented lines for what is not as it was, and a last line that counts.
pub(super) fn report(items: &[Item], fates: &[Fate], conflicts: &[String]) -> String {
    let mut out = String::new();
    for (item, fate) in items.iter().zip(fates) {
        // Writing into a text can't fail.
        _ = writeln!(out, "{}: {}", origin(item), fate.what);
        let mut told = BTreeSet::new();
        for note in &fate.notes {
            let mistake = match note.kind {
                NoteKind::Changed => continue,
                NoteKind::NoCounterpart => "",
                NoteKind::Mistake => "mistake: ",
            };
            let line = format!("  - {mistake}{note}\n");
            if told.insert(line.clone()) {
                out.push_str(&line);
            }
        }
        let changed = of(fate, NoteKind::Changed);
        if changed > 0 && fate.kind == FateKind::Converted {
            _ = writeln!(
                out,
                "  {changed} more with another meaning, each beside its line"
            );
        }
    }
    for conflict in conflicts {
        _ = writeln!(out, "mistake: {conflict}");
    }
    out.push_str(&sum(fates));
    out
}

/// However many lines one thing is about.
fn of(fate: &Fate, kind: NoteKind) -> usize {
    let notes = fate.notes.iter().filter(|note| note.kind == kind);
    notes
        .map(ToString::to_string)
        .collect::<BTreeSet<_>>()
        .len()
}

fn sum(fates: &[Fate]) -> String {
    let count = |kind| fates.iter().filter(|fate| fate.kind == kind).count();
    let notes = |kind| fates.iter().map(|fate| of(fate, kind)).sum::<usize>();
    let plural = if fates.len() == 1 { "" } else { "s" };
    format!(
        "{} document{plural}: {} converted, {} not converted, {} passed through, {} left out; {} without counterpart, {} mistaken\n",
        fates.len(),
        count(FateKind::Converted),
        count(FateKind::Kept),
        count(FateKind::Passed),
        count(FateKind::Gone),
        notes(NoteKind::NoCounterpart),
        notes(NoteKind::Mistake),
    )
}
