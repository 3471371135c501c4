//! `behavior` of an HPA, which KEDA's ScaledObjects have, too.

use std::time::Duration;

use rouse_api::load::FieldPath;
use rouse_api::resource::{self, ScaleIn};

use crate::fields::Fields;
use crate::note::Notes;
use crate::scalar::seconds;

/// The HPA's default, in seconds: a lower count must have been enough for this long.
const DOWN_WINDOW: u64 = 300;

/// Over which Rouse averages unless said, in seconds.
const STABLE_WINDOW: u64 = 60;

/// Rouse's least, in seconds.
const LEAST_STABLE_WINDOW: u64 = 6;

/// How fast an HPA follows, as far as Rouse can be told so.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Behavior {
    /// Where it is written, or would be.
    at: FieldPath,
    /// Absent: the default.
    down_window: Option<u64>,
    never_down: bool,
}

impl Behavior {
    /// `at`: where it would be written when it isn't.
    pub(crate) fn read(fields: Option<Fields<'_>>, at: FieldPath, notes: &mut Notes) -> Self {
        let mut behavior = Self {
            at,
            ..Self::default()
        };
        let Some(mut fields) = fields else {
            return behavior;
        };
        if let Some(mut down) = fields.map("scaleDown", notes) {
            behavior.down_window = down.whole("stabilizationWindowSeconds", notes);
            behavior.never_down = is_disabled(&mut down, notes);
            policies(
                &mut down,
                "is not kept: Rouse goes down as soon as a lower count has been enough for scaleDownDelay, by any number (by a factor of maxScaleDownRate where requests ask)",
                notes,
            );
            down.rest(notes);
        }
        if let Some(mut up) = fields.map("scaleUp", notes) {
            let at = up.path.clone();
            if up
                .whole::<u64>("stabilizationWindowSeconds", notes)
                .is_some_and(|window| window > 0)
            {
                let message = "has no counterpart: Rouse goes up at once, because somebody waits";
                notes.lost(&at.key("stabilizationWindowSeconds"), message);
            }
            if is_disabled(&mut up, notes) {
                let message = "Disabled has no counterpart: Rouse goes up when there is demand; to freeze the count annotate rouse.dev/paused: \"true\"";
                notes.lost(&at.key("selectPolicy"), message);
            }
            policies(
                &mut up,
                "is not kept: Rouse goes up at once; maxScaleUpRate bounds the factor of one step",
                notes,
            );
            up.rest(notes);
        }
        fields.rest(notes);
        behavior
    }

    /// In Rouse's words. `idles`: it may sleep. `each`: something scales by what one replica takes.
    pub(crate) fn converted(
        &self,
        idles: bool,
        each: bool,
        notes: &mut Notes,
    ) -> resource::Behavior {
        let down = self.at.key("scaleDown");
        let window = self.down_window.unwrap_or(DOWN_WINDOW);
        let mut converted = resource::Behavior {
            scale_down_delay: seconds(window.min(3600)),
            ..resource::Behavior::default()
        };
        if window < STABLE_WINDOW {
            converted.stable_window = seconds(window.max(LEAST_STABLE_WINDOW));
        }
        if window < LEAST_STABLE_WINDOW {
            let message = format!(
                "stabilizationWindowSeconds is {window}; {LEAST_STABLE_WINDOW} s are Rouse's least"
            );
            notes.changed(&down, "spec.behavior.stableWindow", message);
        }
        let by_default = match self.down_window {
            Some(_) => "",
            None => " (its default)",
        };
        let mut message = format!(
            "the HPA's stabilizationWindowSeconds{by_default}. Up Rouse goes at once, not by 4 Pods or 100% in 15 s"
        );
        if each {
            message.push_str(
                "; the HPA's 10% tolerance is kept for cpu, memory and total, not for perReplica",
            );
        }
        notes.changed(&down, "spec.behavior.scaleDownDelay", message);
        if self.never_down {
            converted.scale_in = Some(ScaleIn::WhenIdle);
            if !idles {
                let message = "the HPA would never go down (selectPolicy Disabled); Rouse goes to min once there is no demand at all";
                notes.changed(&down.key("selectPolicy"), "spec.behavior.scaleIn", message);
            }
        }
        converted
    }
}

/// A window of averaging that another part asks for, where it isn't Rouse's own.
pub(crate) fn stable_window(wanted: Duration) -> Option<resource::Duration> {
    let within = wanted.clamp(
        Duration::from_secs(LEAST_STABLE_WINDOW),
        Duration::from_secs(3600),
    );
    within.try_into().ok()
}

fn is_disabled(fields: &mut Fields<'_>, notes: &mut Notes) -> bool {
    fields.text("selectPolicy", notes).as_deref() == Some("Disabled")
}

fn policies(fields: &mut Fields<'_>, why: &str, notes: &mut Notes) {
    let path = fields.path.key("policies");
    if !fields.list("policies", notes).is_empty() {
        notes.lost(&path, why);
    }
    let path = fields.path.key("tolerance");
    if fields.take("tolerance").is_some() {
        notes.lost(
            &path,
            "has no counterpart: Rouse's is 10% for cpu, memory and total",
        );
    }
}
