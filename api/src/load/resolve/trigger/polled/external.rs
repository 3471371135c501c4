//! A scaler of its own.

use super::access;
use crate::load::Mode;
use crate::load::document::Document;
use crate::load::path::FieldPath;
use crate::resource::ExternalScaler;
use crate::workload::{Access, External};

/// Entries of its metadata.
const MOST_METADATA: usize = 64;

pub(super) fn external(
    document: &mut Document,
    given: &ExternalScaler,
    push: bool,
    (mode, at): (Mode, &FieldPath),
) -> External {
    let address = given.address.as_str();
    if address.splitn(4, '/').nth(3).is_some() {
        document.refuse(
            &at.key("address"),
            format!("{address:?} has a path, and gRPC has none; write one such as http://scaler.team:9090"),
        );
    }
    if given.metadata.len() > MOST_METADATA {
        document.refuse(
            &at.key("metadata"),
            format!("has more than {MOST_METADATA} entries"),
        );
    }
    let (ca, identity) = access::tls(document, &given.tls, mode, at);
    External {
        address: address.to_owned(),
        metadata: given.metadata.clone(),
        push,
        access: Access {
            ca,
            identity,
            ..Access::default()
        },
    }
}
