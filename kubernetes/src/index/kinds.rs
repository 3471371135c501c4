//! Custom kinds as targets: whether it is known yet what there is of them.

use std::collections::HashMap;

use rouse_api::link::Failure;

use super::blocked::failure;
use super::event::{KindSaid, Scope};
use super::target::TargetKey;

/// As many as workloads name, and their namespaces when these are named.
#[derive(Debug, Default)]
pub(super) struct Kinds {
    /// Listed once (`None`), or not yet and why. What is not there is not known.
    lists: HashMap<Scope, Option<String>>,
    /// Targets that are there, but their scale can't be read, and why.
    unreadable: HashMap<TargetKey, String>,
}

impl Kinds {
    /// A list has been seen.
    pub(super) fn listed(&mut self, scope: &Scope, seen: impl Fn(&TargetKey) -> bool) {
        self.unreadable
            .retain(|key, _| !super::covers(scope, key) || seen(key));
        self.lists.insert(scope.clone(), None);
    }

    pub(super) fn said(&mut self, scope: Scope, said: KindSaid) {
        match said {
            // What was listed once stays known while its watch is broken.
            KindSaid::Trouble(_) if self.lists.get(&scope) == Some(&None) => {}
            KindSaid::Trouble(why) => {
                self.lists.insert(scope, Some(why));
            }
            KindSaid::Unwatched => {
                self.lists.remove(&scope);
                self.unreadable.retain(|key, _| !super::covers(&scope, key));
            }
        }
    }

    pub(super) fn unreadable(&mut self, key: TargetKey, why: String) {
        self.unreadable.insert(key, why);
    }

    /// It was read, or is gone.
    pub(super) fn settled(&mut self, key: &TargetKey) {
        self.unreadable.remove(key);
    }

    /// Why a target that is not known is missing; `None`: that is not known yet.
    pub(super) fn missing(&self, key: &TargetKey) -> Option<Failure> {
        let said = |message| Some(failure("TargetNotFound", message));
        if let Some(why) = self.unreadable.get(key) {
            return said(format!("the scale of {key} can't be read: {why}"));
        }
        let list = match key.is_built_in() {
            true => &None,
            false => {
                self.lists
                    .iter()
                    .find(|(scope, _)| super::covers(scope, key))?
                    .1
            }
        };
        match list {
            Some(why) => said(format!("it is not known whether there is {key}: {why}")),
            None => said(format!(
                "there is no {key} with a scale subresource; create it, or name another in spec.target"
            )),
        }
    }
}

/// Of a target of which nothing is known yet.
pub(super) fn unknown(key: &TargetKey) -> Failure {
    failure(
        "TargetUnknown",
        format!("it is not known yet whether there is {key}: its kind is being listed"),
    )
}
