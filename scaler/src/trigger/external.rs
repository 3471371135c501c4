//! A scaler of its own: a gRPC service with the contract of `proto/externalscaler.proto`.

use http::Uri;
use rouse_api::workload::{External, WorkloadId};
use tonic::Status;
use tonic::body::Body;

use super::Context;
use super::pools::{Pool, Pools, Version};
use super::wire::external_scaler_client::ExternalScalerClient;
use super::wire::{GetMetricsRequest, GetMetricsResponse, MetricSpec, ScaledObjectRef};
use crate::platform::Platform;

/// Values that one scaler may have.
const MOST_METRICS: usize = 16;

/// Of a message, in bytes.
const LARGEST: usize = 1 << 20;

/// Characters of a scaler's own words.
const TOLD: usize = 200;

pub(super) type Client = ExternalScalerClient<Pool<Body>>;

/// Connections to them.
#[derive(Debug)]
pub(super) struct Clients(Pools<Body>);

impl Default for Clients {
    fn default() -> Self {
        Self(Pools::new(Version::Http2))
    }
}

/// In replicas: of its values the one that asks for most, over what that is wished to be. 0 while it says that there is nothing to do, which
/// `pushed` contradicts; 1 while there is, however little.
pub(super) async fn read<P: Platform>(
    context: &Context<P>,
    workload: &WorkloadId,
    external: &External,
    pushed: bool,
) -> Result<f64, String> {
    let client = client(context, workload, external).await?;
    let object = object(workload, external);
    let (mut asks, mut names) = (client.clone(), client.clone());
    let (active, specs) = tokio::join!(
        asks.is_active(object.clone()),
        names.get_metric_spec(object.clone())
    );
    let active = active.map_err(|status| told(&status))?.into_inner().result;
    if !active && !pushed {
        return Ok(0.0);
    }
    let specs = specs.map_err(|status| told(&status))?;
    let specs = specs.into_inner().metric_specs;
    if specs.is_empty() || specs.len() > MOST_METRICS {
        return Err(format!(
            "it names {} metrics; from 1 to {MOST_METRICS} are wanted",
            specs.len()
        ));
    }
    let mut most = 0.0_f64;
    for spec in &specs {
        let request = GetMetricsRequest {
            scaled_object_ref: Some(object.clone()),
            metric_name: spec.metric_name.clone(),
        };
        let answer = asks.get_metrics(request).await;
        let answer = answer.map_err(|status| told(&status))?.into_inner();
        most = most.max(replicas(spec, &answer)?);
    }
    Ok(if most > 0.0 { most } else { 1.0 })
}

/// Connected as soon as it is used.
pub(super) async fn client<P: Platform>(
    context: &Context<P>,
    workload: &WorkloadId,
    external: &External,
) -> Result<Client, String> {
    let address = &external.address;
    let url: Uri = address
        .parse()
        .map_err(|error| format!("{address} is no address: {error}"))?;
    context.allowed.check(&url)?;
    let pool = context
        .external
        .0
        .of(&*context.platform, workload, &external.access);
    let client = ExternalScalerClient::with_origin(pool.await?, url);
    Ok(client.max_decoding_message_size(LARGEST))
}

pub(super) fn object(workload: &WorkloadId, external: &External) -> ScaledObjectRef {
    ScaledObjectRef {
        name: workload.name().to_owned(),
        namespace: workload.namespace().to_owned(),
        scaler_metadata: external.metadata.clone().into_iter().collect(),
    }
}

/// A value over its target. Where both an integer and a float are given, the float counts if it is above 0: scalers of the older contract
/// leave it at that.
fn replicas(spec: &MetricSpec, answer: &GetMetricsResponse) -> Result<f64, String> {
    let name = &spec.metric_name;
    let number = |float: f64, integer: i64| if float > 0.0 { float } else { integer as f64 };
    let target = number(spec.target_size_float, spec.target_size);
    if !(target.is_finite() && target > 0.0) {
        return Err(format!(
            "it wishes {} to be {target}; a number above 0 is wanted",
            clipped(name)
        ));
    }
    let all = &answer.metric_values;
    let own = all.iter().find(|one| one.metric_name == *name);
    let Some(value) = own.or(all.first()) else {
        return Err(format!("it gives no value of {}", clipped(name)));
    };
    let value = number(value.metric_value_float, value.metric_value);
    match value.is_finite() {
        true => Ok(value / target),
        false => Err(format!(
            "{} is {value}, and a number is wanted",
            clipped(name)
        )),
    }
}

/// In the scaler's own words, bounded.
pub(super) fn told(status: &Status) -> String {
    let cause = std::error::Error::source(status).map(super::access::told);
    let words = cause.unwrap_or_else(|| status.message().to_owned());
    format!("{}: {}", status.code().description(), clipped(&words))
}

fn clipped(text: &str) -> String {
    text.chars().take(TOLD).collect()
}
