//! The instant query of Prometheus' API, and of those that speak it.

use http::{StatusCode, Uri};
use rouse_api::workload::{Query, WorkloadId};
use serde::Deserialize;
use serde_json::Value;

use super::access::refused;
use super::{Context, percent};
use crate::platform::Platform;

pub(super) async fn read<P: Platform>(
    context: &Context<P>,
    workload: &WorkloadId,
    query: &Query,
) -> Result<f64, String> {
    let url = format!(
        "{}/api/v1/query?query={}",
        query.server,
        percent::encoded(&query.query)
    );
    let url: Uri = url
        .parse()
        .map_err(|error| format!("{} is no address: {error}", query.server))?;
    context.allowed.check(&url)?;
    let platform = &*context.platform;
    let (status, body) = context
        .http
        .get(platform, workload, (url, &query.access))
        .await?;
    value(status, &body, query.empty_is_zero)
}

#[derive(Debug, Deserialize)]
struct Answer {
    data: Option<Data>,
    error: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    result_type: Option<String>,
    result: Value,
}

/// The one number of an answer.
pub(super) fn value(status: StatusCode, body: &[u8], empty_is_zero: bool) -> Result<f64, String> {
    let answer: Option<Answer> = serde_json::from_slice(body).ok();
    if status != StatusCode::OK {
        let own = answer.and_then(|answer| answer.error);
        let own = own.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
        return Err(refused(status, &own));
    }
    let answer = answer.ok_or("the answer is not one of Prometheus' API")?;
    let data = answer.data.ok_or("the answer has no data")?;
    let pair = match data.result_type.as_deref() {
        Some("scalar") => Some(data.result),
        Some("vector") | None => one_of(data.result)?,
        Some(other) => {
            return Err(format!(
                "the query's result is a {other}; one number is wanted"
            ));
        }
    };
    let empty = |what: &str| match empty_is_zero {
        true => Ok(0.0),
        false => Err(format!(
            "{what}; write `or vector(0)` behind the query, or whenEmpty: zero, where that means 0"
        )),
    };
    let Some(pair) = pair else {
        return empty("the query has no result");
    };
    let Some(text) = pair.get(1).and_then(Value::as_str) else {
        return Err("the result has no value".to_owned());
    };
    let number: f64 = text.parse().map_err(|_| format!("{text:?} is no number"))?;
    match number.is_finite() {
        true => Ok(number),
        false => empty(&format!("the query's result is {text}")),
    }
}

/// The value of the only series; `None`: there is none.
fn one_of(result: Value) -> Result<Option<Value>, String> {
    let Value::Array(mut series) = result else {
        return Err("the result is no list of series".to_owned());
    };
    match series.len() {
        0 => Ok(None),
        1 => Ok(series.pop().map(|mut one| one["value"].take())),
        many => Err(format!(
            "the query has {many} series; one number is wanted: write sum(...) or max(...) about it"
        )),
    }
}
