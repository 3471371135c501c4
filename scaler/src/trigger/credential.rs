//! What is secret, read anew with each question; the platform may keep it for some seconds.

use rouse_api::workload::{Credential, WorkloadId};

use crate::platform::Platform;

/// # Errors
/// With a sentence that says what is missing.
pub(super) async fn read<P: Platform>(
    platform: &P,
    workload: &WorkloadId,
    of: &Credential,
) -> Result<Vec<u8>, String> {
    match of {
        Credential::Secret(name, key) => platform.secret(workload.namespace(), name, key).await,
        Credential::File(path) => tokio::fs::read(path)
            .await
            .map_err(|error| format!("{} can't be read: {error}", path.display())),
    }
}

/// Without the line break that editors leave at the end.
pub(super) fn text(bytes: &[u8]) -> Result<&str, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "its credential is not text".to_owned())?;
    Ok(text.trim_end_matches(['\r', '\n']))
}
