use std::num::NonZeroU32;

use rouse_api::resource::{Cron, Trigger};

use super::Bounds;
use crate::keda::values::Values;
use crate::note::Notes;
use crate::scalar::wanted;

pub(super) fn cron(values: &mut Values<'_>, bounds: &Bounds, notes: &mut Notes) -> Option<Trigger> {
    let at = values.at.clone();
    let mut text = |key| values.required(key, notes);
    let (timezone, start, end) = (text("timezone"), text("start"), text("end"));
    let replicas = text("desiredReplicas");
    let (start, end) = (start?, end?);
    if start == end {
        let message = "is the same as start; write when the window ends";
        notes.mistake(&at.key("end"), message);
        return None;
    }
    let timezone = wanted(timezone?, &at.key("timezone"), notes);
    let start = wanted(start, &at.key("start"), notes);
    let end = wanted(end, &at.key("end"), notes);
    let at = at.key("desiredReplicas");
    let replicas = replicas?;
    let Ok(wished) = replicas.parse::<u32>() else {
        notes.mistake(&at, format!("is {replicas:?}; a whole number is wanted"));
        return None;
    };
    let Some(replicas) = NonZeroU32::new(wished.min(bounds.max)) else {
        notes.lost(&at, "is 0: a window without replicas asks for nothing");
        return None;
    };
    if wished > bounds.max {
        let line = values.to.key("cron").key("replicas");
        notes.changed_at(&at, line, format!("{wished} is above max"));
    }
    if values.trigger.metric_type.as_deref() == Some("Value") {
        let at = values.trigger.at.key("metricType");
        notes.lost(&at, "Value has no counterpart for cron: between start and end there are at least so many replicas");
    }
    Some(Trigger {
        cron: Some(Cron {
            timezone: timezone?,
            start: start?,
            end: end?,
            replicas,
        }),
        ..Trigger::default()
    })
}
