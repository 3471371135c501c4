use rouse_scaler::controller::EventKind;

/// Bytes of a note that the API server takes.
const LONGEST: usize = 1_000;

/// What an Event says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    /// It needs a look.
    pub(super) warning: bool,
    /// A word for programs, e.g. `Woke`.
    pub(super) reason: String,
    /// What was done or tried.
    pub(super) action: &'static str,
    /// For people.
    pub(super) note: String,
}

/// `None`: it is not worth an Event, or another scaler tells it. `leads`: of what all scalers see the leader tells.
pub(super) fn said(kind: &EventKind, leads: bool) -> Option<Said> {
    let (warning, reason, action) = match kind {
        EventKind::Woke(_) => (false, "Woke", "Wake"),
        EventKind::Slept { .. } => (false, "Slept", "Sleep"),
        EventKind::Verified { failure: None, .. } => (false, "RevisionVerified", "Verify"),
        EventKind::Verified {
            failure: Some((reason, _)),
            ..
        } => (true, &**reason, "Verify"),
        EventKind::WouldSleep { .. } => (false, "WouldSleep", "Observe"),
        EventKind::WouldWake { .. } => (false, "WouldWake", "Observe"),
        EventKind::ScaleRefused { .. } => (true, "ScaleRefused", "Scale"),
        EventKind::Failed { reason, waking, .. } if leads => {
            (true, &**reason, if *waking { "Wake" } else { "Run" })
        }
        EventKind::Blocked { reason, .. } if leads => (true, &**reason, "Scale"),
        _ => return None,
    };
    let reason: String = reason.chars().take(128).collect();
    Some(Said {
        warning,
        reason,
        action,
        note: note(&kind.to_string()),
    })
}

/// A sentence, as long as may be.
fn note(text: &str) -> String {
    let mut note = String::with_capacity(text.len().min(LONGEST));
    for (at, char) in text.chars().enumerate() {
        if note.len() + char.len_utf8() > LONGEST {
            break;
        }
        note.push(if at == 0 {
            char.to_ascii_uppercase()
        } else {
            char
        });
    }
    note
}
