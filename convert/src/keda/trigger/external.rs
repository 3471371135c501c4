use std::collections::BTreeMap;

use rouse_api::resource::{ExternalScaler, Trigger};

use super::access::{Access, unsafe_ssl};
use super::{Bounds, only_average};
use crate::keda::values::Values;
use crate::note::Notes;
use crate::scalar::wanted;

pub(super) fn external(values: &mut Values<'_>, _: &Bounds, notes: &mut Notes) -> Option<Trigger> {
    Some(Trigger {
        external: Some(scaler(values, "external", notes)?),
        ..Trigger::default()
    })
}

pub(super) fn external_push(
    values: &mut Values<'_>,
    _: &Bounds,
    notes: &mut Notes,
) -> Option<Trigger> {
    Some(Trigger {
        external_push: Some(scaler(values, "externalPush", notes)?),
        ..Trigger::default()
    })
}

/// `field`: what it becomes.
fn scaler(values: &mut Values<'_>, field: &str, notes: &mut Notes) -> Option<ExternalScaler> {
    let at = values.at.key("scalerAddress");
    let address = values.required("scalerAddress", notes);
    let secure = values.flag("enableTLS", false, notes);
    let unsafe_ssl = unsafe_ssl(values, notes);
    only_average(values, field, notes);
    let mut access = Access::default();
    let names = [Some("caCert"), Some("tlsClientCert"), Some("tlsClientKey")];
    access.certificates(values, field, names, notes);
    let metadata = metadata(values, notes);
    let (address, secure) = (address?, secure.ok()?);
    unsafe_ssl.ok()?;
    let scheme = match secure || access.tls.is_some() {
        true => "https",
        false => "http",
    };
    Some(ExternalScaler {
        address: wanted(format!("{scheme}://{address}"), &at, notes)?,
        metadata,
        timeout: None,
        tls: access.tls,
    })
}

/// All of it is told to the scaler, variables by their values.
fn metadata(values: &mut Values<'_>, notes: &mut Notes) -> BTreeMap<String, String> {
    let trigger = values.trigger;
    let mut metadata = BTreeMap::new();
    for (key, text) in &trigger.metadata {
        values.taken.insert(key.clone());
        let told = match key.strip_suffix("FromEnv") {
            Some(name) if !name.is_empty() => values.resolved(name, notes),
            _ => Some(text.clone()),
        };
        metadata.extend(told.map(|told| (key.clone(), told)));
    }
    metadata
}
