//! A number in what a URL answers.

use http::{StatusCode, Uri};
use rouse_api::resource::AnswerFormat;
use rouse_api::workload::{MetricsApi, WorkloadId};

use super::access::refused;
use super::{Context, document, exposition};
use crate::platform::Platform;

pub(super) async fn read<P: Platform>(
    context: &Context<P>,
    workload: &WorkloadId,
    api: &MetricsApi,
) -> Result<f64, String> {
    let url: Uri = api
        .url
        .parse()
        .map_err(|error| format!("{} is no address: {error}", api.url))?;
    context.allowed.check(&url)?;
    let platform = &*context.platform;
    let asked = context.http.get(platform, workload, (url, &api.access));
    let (status, body) = asked.await?;
    if status != StatusCode::OK {
        return Err(refused(status, &String::from_utf8_lossy(&body)));
    }
    match api.format {
        AnswerFormat::Prometheus => exposition::value(&body, &api.location),
        format => document::value(format, &body, &api.location),
    }
}
