//! What the workload's own pods use.

use crate::load::Mode;
use crate::load::document::Document;
use crate::load::path::FieldPath;
use crate::resource::UsageTrigger;
use crate::workload::{Resource, Usage};

/// With its target: in percent, in cores or in bytes.
pub(super) fn usage(
    document: &mut Document,
    given: &UsageTrigger,
    resource: Resource,
    (mode, at): (Mode, &FieldPath),
) -> Option<(Usage, f64)> {
    if mode == Mode::Standalone {
        document.refuse(
            at,
            "is for a cluster, and this runs standalone: nobody tells what processes use; leave it out",
        );
    }
    let target = match (given.utilization, &given.average) {
        (Some(percent), None) => percent.get(),
        (None, Some(average)) if average.thousandths() > 0 => average.thousandths() as f64 / 1e3,
        (None, Some(_)) => {
            document.refuse(&at.key("average"), "is 0: it must be above 0");
            return None;
        }
        (Some(_), Some(_)) => {
            let message = "stands together with utilization: write percent of what is requested, or an amount per pod";
            document.refuse_between(&at.key("average"), &[at.key("utilization")], message);
            return None;
        }
        (None, None) => {
            let message = "is missing, and so is average: write percent of what is requested, or an amount per pod";
            document.refuse_between(&at.key("utilization"), &[at.key("average")], message);
            return None;
        }
    };
    let usage = Usage {
        resource,
        of_requests: given.utilization.is_some(),
        container: given
            .container
            .as_ref()
            .map(|name| name.as_str().to_owned()),
    };
    Some((usage, target))
}
