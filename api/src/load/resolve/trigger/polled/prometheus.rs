//! A query of a server with Prometheus' API.

use super::access::Given;
use crate::load::Mode;
use crate::load::document::Document;
use crate::load::path::FieldPath;
use crate::resource::{Prometheus, WhenEmpty};
use crate::workload::Query;

pub(super) fn prometheus(
    document: &mut Document,
    given: &Prometheus,
    mode: Mode,
    at: &FieldPath,
) -> Query {
    if given.query.trim().is_empty() {
        document.refuse(
            &at.key("query"),
            "is empty; write one that yields one number, e.g. sum(rate(requests_total[2m]))",
        );
    } else if given.query.len() > 16384 {
        document.refuse(&at.key("query"), "is longer than 16384 characters");
    }
    let access = Given {
        headers: &given.headers,
        bearer: &given.bearer,
        basic: &given.basic,
        api_key: &None,
        tls: &given.tls,
    };
    Query {
        server: given.server_address.as_str().to_owned(),
        query: given.query.clone(),
        empty_is_zero: given.when_empty == Some(WhenEmpty::Zero),
        access: access.resolve(document, mode, at),
    }
}
