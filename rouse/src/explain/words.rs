use std::fmt::Write as _;

use super::Explained;

/// One decision a line, the newest last.
pub(super) fn written(explained: &Explained) -> String {
    let name = &explained.workload;
    // What a follower decides nobody does: who reads it must know.
    let follows = if explained.leads {
        ""
    } else {
        "This scaler does not lead: it decides the same way, but only wakes. Ask the one whose /status says \"leads\".\n"
    };
    if explained.decisions.is_empty() {
        return format!("{name}: asleep, and no demand since Rouse knows it\n{follows}");
    }
    let ages: Vec<String> = explained
        .decisions
        .iter()
        .map(|past| ago(past.seconds_ago))
        .collect();
    let widest = ages.iter().map(String::len).max().unwrap_or_default();
    let mut text = format!("{name}, newest last:\n");
    for (past, age) in explained.decisions.iter().zip(ages) {
        let _ = writeln!(text, "  {age:>widest$}  {}", past.why);
    }
    if explained.observed {
        text.push_str("Its mode is observe: none of this is done.\n");
    }
    text + follows
}

/// `5 s ago`, `3 min ago`, `2 h ago`, `4 days ago`.
fn ago(seconds: f64) -> String {
    let (amount, unit) = match seconds {
        s if s < 120.0 => (s, "s"),
        s if s < 7_200.0 => (s / 60.0, "min"),
        s if s < 172_800.0 => (s / 3_600.0, "h"),
        s => (s / 86_400.0, "days"),
    };
    format!("{} {unit} ago", amount.floor())
}
