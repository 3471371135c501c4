use rouse_api::resource::{Trigger, UsageTrigger};

use super::Bounds;
use crate::keda::values::Values;
use crate::note::Notes;
use crate::scalar::{number, wanted};

pub(super) fn cpu(values: &mut Values<'_>, _: &Bounds, notes: &mut Notes) -> Option<Trigger> {
    Some(Trigger {
        cpu: Some(usage(values, notes)?),
        ..Trigger::default()
    })
}

pub(super) fn memory(values: &mut Values<'_>, _: &Bounds, notes: &mut Notes) -> Option<Trigger> {
    Some(Trigger {
        memory: Some(usage(values, notes)?),
        ..Trigger::default()
    })
}

fn usage(values: &mut Values<'_>, notes: &mut Notes) -> Option<UsageTrigger> {
    let at = values.at.clone();
    let value = values.required("value", notes);
    let container = match values.text("containerName") {
        Some(name) => Some(wanted(name, &at.key("containerName"), notes)?),
        None => None,
    };
    if values.trigger.is_cached {
        let message = "is not for cpu and memory; leave it out";
        notes.mistake(&values.trigger.at.key("useCachedMetrics"), message);
    }
    // Where older manifests say it, and before 2.18 it was what counted.
    let old = values.text("type");
    let (at_type, kind) = match (old, &values.trigger.metric_type) {
        (Some(old), _) => (at.key("type"), Some(old)),
        (None, new) => (values.trigger.at.key("metricType"), new.clone()),
    };
    let value = value?;
    let at = at.key("value");
    let (utilization, average) = match kind.as_deref() {
        Some("Utilization") => {
            let Some(percent) = number(value.trim_end_matches('%')) else {
                let message = format!("is {value:?}; a percentage such as \"80\" is wanted");
                notes.mistake(&at, message);
                return None;
            };
            (Some(wanted(percent, &at, notes)?), None)
        }
        Some("AverageValue") => (None, Some(wanted(value, &at, notes)?)),
        Some(other) => {
            let message = format!("is {other:?}; Utilization or AverageValue is wanted");
            notes.mistake(&at_type, message);
            return None;
        }
        None => {
            notes.mistake(&at_type, "is missing; write Utilization or AverageValue");
            return None;
        }
    };
    Some(UsageTrigger {
        utilization,
        average,
        container,
    })
}
