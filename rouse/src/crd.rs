use std::io::Write;

use crate::error::Error;

/// `rouse crd`: the definition of ScaledWorkload, as `deploy/crds` has it.
pub(crate) fn run() -> Result<(), Error> {
    let text = rouse_api::crd::yaml();
    let written = std::io::stdout().write_all(text.as_bytes());
    written.map_err(|error| Error::Failed(format!("rouse crd: {error}")))
}
