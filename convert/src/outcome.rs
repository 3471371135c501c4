//! What came out of one object.

use rouse_api::load::{self, FieldPath, Problem};
use rouse_api::resource::{API_VERSION, KIND, Metadata, ScaledWorkload, Spec};
use serde_json::Value;

use crate::note::{Note, NoteKind, Notes};

/// One object, converted.
#[derive(Debug, Clone, PartialEq)]
pub struct Converted {
    /// It loads without a problem. `None`: nothing of it would scale; the notes say why.
    pub resource: Option<ScaledWorkload>,
    /// What is not as it was, in the order of the fields.
    pub notes: Vec<Note>,
}

/// A workload as it is written.
pub(crate) fn workload(metadata: Metadata, spec: Spec) -> ScaledWorkload {
    ScaledWorkload {
        api_version: Some(API_VERSION.to_owned()),
        kind: Some(KIND.to_owned()),
        metadata,
        spec: Some(spec),
    }
}

impl Converted {
    /// Whether everything was carried over, if with another meaning here and there.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.resource.is_some() && self.notes.iter().all(|note| note.kind == NoteKind::Changed)
    }

    /// Looks at the outcome as those who load it do: a trigger that they would refuse is taken out and told, and so that the rest works.
    pub(crate) fn checked(mut resource: ScaledWorkload, mut notes: Notes) -> Self {
        loop {
            let problems = match problems(&resource) {
                Ok(()) => {
                    return Self {
                        resource: Some(resource),
                        notes: notes.into_vec(),
                    };
                }
                Err(problems) => problems,
            };
            let triggers = resource.spec.as_ref().map_or(0, |spec| spec.triggers.len());
            let refused = |place: &usize| {
                let begin = format!("spec.triggers[{place}]");
                problems
                    .iter()
                    .any(|problem| problem.path.starts_with(&begin))
            };
            for problem in &problems {
                let message = format!("would be {}, which {}", problem.path, problem.message);
                notes.mistake(&FieldPath::default(), message);
            }
            let Some(place) = (0..triggers).rev().find(refused) else {
                return Self {
                    resource: None,
                    notes: notes.into_vec(),
                };
            };
            if let Some(spec) = &mut resource.spec {
                spec.triggers.remove(place);
                notes.without_trigger(place);
            }
        }
    }

    /// Nothing came out.
    pub(crate) fn nothing(notes: Notes) -> Self {
        Self {
            resource: None,
            notes: notes.into_vec(),
        }
    }
}

fn problems(resource: &ScaledWorkload) -> Result<(), Vec<Problem>> {
    let object = serde_json::to_value(resource).unwrap_or(Value::Null);
    load::object(&object).map(|_| ())
}
