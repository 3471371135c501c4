use std::collections::BTreeMap;

use rouse_api::resource::{AnswerFormat, ApiKey, MetricsApi, Trigger};

use super::access::{Access, unsafe_ssl};
use super::{Bounds, activation, is_average};
use crate::keda::values::Values;
use crate::note::Notes;
use crate::scalar::wanted;

/// KEDA's names for where a key goes.
const KEY_HEADER: &str = "X-API-KEY";
const KEY_PARAMETER: &str = "api_key";

pub(super) fn metrics_api(
    values: &mut Values<'_>,
    _: &Bounds,
    notes: &mut Notes,
) -> Option<Trigger> {
    let at = values.at.clone();
    let url = values.required("url", notes);
    let location = values.required("valueLocation", notes);
    let target = values.positive("targetValue", notes);
    let activation = activation(values, "activationTargetValue", "metricsApi", notes);
    let format = format(values, notes);
    let unsafe_ssl = unsafe_ssl(values, notes);
    let average = is_average(values, notes);
    values.lost(
        &[
            (
                "aggregateFromKubeServiceEndpoints",
                "has no counterpart: Rouse asks the one URL",
            ),
            (
                "aggregationType",
                "has no counterpart: Rouse asks the one URL",
            ),
        ],
        notes,
    );
    let target = match target.ok()? {
        Some(target) => target,
        None => {
            let message = "is missing; write how much of the value one replica takes";
            notes.mistake(&at.key("targetValue"), message);
            return None;
        }
    };
    unsafe_ssl.ok()?;
    let target = wanted(target, &at.key("targetValue"), notes)?;
    let (access, api_key) = authenticate(values, notes);
    Some(Trigger {
        metrics_api: Some(MetricsApi {
            url: wanted(url?, &at.key("url"), notes)?,
            value_location: location?,
            format: Some(format.ok()?),
            per_replica: average.then_some(target),
            total: (!average).then_some(target),
            activation: Some(activation.ok()?),
            timeout: None,
            headers: BTreeMap::new(),
            api_key,
            bearer: access.bearer,
            basic: access.basic,
            tls: access.tls,
        }),
        ..Trigger::default()
    })
}

fn format(values: &mut Values<'_>, notes: &mut Notes) -> Result<AnswerFormat, ()> {
    match values.text("format").as_deref() {
        None | Some("json") => Ok(AnswerFormat::Json),
        Some("yaml") => Ok(AnswerFormat::Yaml),
        Some("xml") => Ok(AnswerFormat::Xml),
        Some("prometheus") => Ok(AnswerFormat::Prometheus),
        Some(other) => {
            let message = format!("{other:?} is unknown; json, yaml, xml or prometheus is wanted");
            notes.mistake(&values.at.key("format"), message);
            Err(())
        }
    }
}

fn authenticate(values: &mut Values<'_>, notes: &mut Notes) -> (Access, Option<ApiKey>) {
    let at = values.at.key("authMode");
    let mut access = Access::default();
    access.certificates(values, "metricsApi", [Some("ca"), None, None], notes);
    let Some(mode) = values.text("authMode") else {
        return (access, None);
    };
    if mode == "apiKey" {
        return (access, key(values, notes));
    }
    if !access.add(&mode, values, ("metricsApi", "token", &at), notes) {
        let message = format!("{mode:?} is unknown; apiKey, basic, bearer or tls is wanted");
        notes.mistake(&at, message);
    }
    (access, None)
}

fn key(values: &mut Values<'_>, notes: &mut Notes) -> Option<ApiKey> {
    let at = values.at.key("keyParamName");
    let method = values.text("method");
    let name = values.text("keyParamName");
    let value = values.credential("apiKey", "metricsApi.apiKey.value", notes)?;
    let (header, query) = match method.as_deref() {
        Some("query") => (None, Some(name.unwrap_or_else(|| KEY_PARAMETER.to_owned()))),
        _ => {
            let name = name.unwrap_or_else(|| KEY_HEADER.to_owned());
            (Some(wanted(name, &at, notes)?), None)
        }
    };
    Some(ApiKey {
        header,
        query,
        value,
    })
}
