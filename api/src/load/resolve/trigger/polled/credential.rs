//! What is secret.

use crate::load::Mode;
use crate::load::document::Document;
use crate::load::path::FieldPath;
use crate::resource::CredentialSpec;
use crate::workload::Credential;

pub(super) fn credential(
    document: &mut Document,
    given: &CredentialSpec,
    mode: Mode,
    at: &FieldPath,
) -> Option<Credential> {
    let (wanted, other) = match mode {
        Mode::Cluster => ("secret: {name: ..., key: ...}", "file"),
        Mode::Standalone => ("file: PATH", "secret"),
    };
    match (&given.secret, &given.file, mode) {
        (Some(secret), None, Mode::Cluster) => Some(Credential::Secret(
            secret.name.as_str().to_owned(),
            secret.key.clone(),
        )),
        (None, Some(file), Mode::Standalone) if !file.is_empty() && !file.contains('\0') => {
            let path = match document.file.parent() {
                Some(folder) => folder.join(file),
                None => file.into(),
            };
            Some(Credential::File(path))
        }
        _ if document.touched(at) => None,
        (None, None, _) => {
            document.refuse(at, format!("is empty; write {wanted}"));
            None
        }
        _ => {
            let at = at.key(other);
            let place = match mode {
                Mode::Cluster => "in a cluster",
                Mode::Standalone => "standalone",
            };
            document.refuse(&at, format!("is not for this mode; {place} write {wanted}"));
            None
        }
    }
}
