use std::collections::BTreeMap;

use rouse_api::resource::{PodsTrigger, Trigger};

use super::{Bounds, activation, only_average};
use crate::keda::values::Values;
use crate::note::Notes;
use crate::scalar::wanted;

pub(super) fn pods(values: &mut Values<'_>, _: &Bounds, notes: &mut Notes) -> Option<Trigger> {
    let at = values.at.clone();
    let selector = values.required("podSelector", notes);
    let value = values.positive("value", notes);
    let activation = activation(values, "activationValue", "pods", notes);
    only_average(values, "pods", notes);
    let Some(value) = value.ok()? else {
        let message = "is missing; write how many of the Pods one replica is for";
        notes.mistake(&at.key("value"), message);
        return None;
    };
    let match_labels = match labels(&selector?) {
        Ok(labels) => labels,
        Err(part) => {
            let message = format!(
                "has {part:?}, which has no counterpart: label=value is what Rouse can count by"
            );
            notes.lost(&at.key("podSelector"), message);
            return None;
        }
    };
    Some(Trigger {
        pods: Some(PodsTrigger {
            match_labels,
            per_replica: wanted(value, &at.key("value"), notes)?,
            activation: Some(activation.ok()?),
        }),
        ..Trigger::default()
    })
}

/// `Err`: the part that is not an equality.
fn labels(selector: &str) -> Result<BTreeMap<String, String>, String> {
    let mut labels = BTreeMap::new();
    // A set's commas divide nothing; it is refused by its brackets.
    if let Some(at) = selector.find(['(', '!']) {
        let begin = selector[..at].rfind(',').map_or(0, |comma| comma + 1);
        return Err(selector[begin..].trim().to_owned());
    }
    for part in selector.split(',') {
        let (key, value) = part
            .split_once("==")
            .or_else(|| part.split_once('='))
            .ok_or_else(|| part.trim().to_owned())?;
        labels.insert(key.trim().to_owned(), value.trim().to_owned());
    }
    Ok(labels)
}
