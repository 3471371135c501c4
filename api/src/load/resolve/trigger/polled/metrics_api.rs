//! A number in what a URL answers.

use super::access::Given;
use crate::load::Mode;
use crate::load::document::Document;
use crate::load::path::FieldPath;
use crate::resource::{self, AnswerFormat};
use crate::workload::MetricsApi;

/// Of a place in an answer, in bytes.
const LONGEST_LOCATION: usize = 1024;

pub(super) fn metrics_api(
    document: &mut Document,
    given: &resource::MetricsApi,
    mode: Mode,
    at: &FieldPath,
) -> MetricsApi {
    let location = given.value_location.trim();
    if location.is_empty() {
        document.refuse(
            &at.key("valueLocation"),
            "is empty; write where in the answer the number is, e.g. jobs.waiting",
        );
    } else if given.value_location.len() > LONGEST_LOCATION {
        document.refuse(
            &at.key("valueLocation"),
            format!("is longer than {LONGEST_LOCATION} characters"),
        );
    }
    let access = Given {
        headers: &given.headers,
        bearer: &given.bearer,
        basic: &given.basic,
        api_key: &given.api_key,
        tls: &given.tls,
    };
    MetricsApi {
        url: given.url.as_str().to_owned(),
        format: given.format.unwrap_or(AnswerFormat::Json),
        location: location.to_owned(),
        access: access.resolve(document, mode, at),
    }
}
