use std::fmt;

use rouse_api::load::FieldPath;

/// What became of a field that has not come over as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What kind of news it is.
    pub kind: NoteKind,
    /// The field in what was read; empty for the document as a whole.
    pub from: FieldPath,
    /// The field in what came out, when one stands for it.
    pub to: Option<FieldPath>,
    /// What is different, and what would be right.
    pub message: String,
}

/// Kinds of news about a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoteKind {
    /// Carried over, and means something else, or came from a default.
    Changed,
    /// Not carried over, or not without something that is left to do.
    NoCounterpart,
    /// Wrong already where it comes from.
    Mistake,
}

impl NoteKind {
    /// For people.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::NoCounterpart => "no counterpart",
            Self::Mistake => "mistake",
        }
    }
}

/// `spec.pollingInterval: message`, without the kind.
impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.from.segments().is_empty() {
            write!(f, "{}: ", self.from)?;
        }
        f.write_str(&self.message)
    }
}

/// Notes as they are made, in order.
#[derive(Debug, Default)]
pub(crate) struct Notes(Vec<Note>);

impl Notes {
    /// `to`: the line of the outcome that is meant; empty for its head.
    pub(crate) fn changed(&mut self, from: &FieldPath, to: &str, message: impl Into<String>) {
        self.changed_at(from, path(to), message);
    }

    pub(crate) fn changed_at(
        &mut self,
        from: &FieldPath,
        to: FieldPath,
        message: impl Into<String>,
    ) {
        self.push(NoteKind::Changed, from, Some(to), message.into());
    }

    pub(crate) fn lost(&mut self, from: &FieldPath, message: impl Into<String>) {
        self.push(NoteKind::NoCounterpart, from, None, message.into());
    }

    /// Carried over, and something is left to do.
    pub(crate) fn lost_at(&mut self, from: &FieldPath, to: FieldPath, message: impl Into<String>) {
        self.push(NoteKind::NoCounterpart, from, Some(to), message.into());
    }

    pub(crate) fn mistake(&mut self, from: &FieldPath, message: impl Into<String>) {
        self.push(NoteKind::Mistake, from, None, message.into());
    }

    fn push(&mut self, kind: NoteKind, from: &FieldPath, to: Option<FieldPath>, message: String) {
        let note = Note {
            kind,
            from: from.clone(),
            to,
            message,
        };
        if !self.0.contains(&note) {
            self.0.push(note);
        }
    }

    /// Comments about what stood at an element of `spec.triggers` that is taken out go, those about later ones move up.
    pub(crate) fn without_trigger(&mut self, place: usize) {
        use rouse_api::load::Segment;
        self.0.retain_mut(|note| {
            let Some(to) = &note.to else {
                return true;
            };
            let mut segments = to.segments().to_vec();
            if let [
                Segment::Key(spec),
                Segment::Key(triggers),
                Segment::Index(at),
                ..,
            ] = &mut segments[..]
                && spec == "spec"
                && triggers == "triggers"
            {
                match (*at).cmp(&place) {
                    std::cmp::Ordering::Less => {}
                    std::cmp::Ordering::Equal => return false,
                    std::cmp::Ordering::Greater => *at -= 1,
                }
            }
            note.to = Some(segments.into_iter().collect());
            true
        });
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn into_vec(self) -> Vec<Note> {
        self.0
    }
}

/// From dotted names; empty for the document as a whole.
pub(crate) fn path(dotted: &str) -> FieldPath {
    match dotted {
        "" => FieldPath::default(),
        dotted => FieldPath::of(dotted),
    }
}
