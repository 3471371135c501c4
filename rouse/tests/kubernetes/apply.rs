//! The testbed's own, and whoever calls it is a test.

use kube::Client;
use kube::api::{Api, DynamicObject};
use rouse_testbed::apply::ApplyError;
use serde_json::Value;

pub(crate) use rouse_testbed::apply::apply as try_apply;

/// The API of an object's kind.
pub(crate) async fn api(client: &Client, object: &Value) -> Api<DynamicObject> {
    let found: Result<_, ApplyError> = rouse_testbed::apply::api(client, object).await;
    found.unwrap_or_else(|error| panic!("{object}: {error}"))
}

/// Creates or changes it.
pub(crate) async fn apply(client: &Client, object: &Value) -> DynamicObject {
    let applied = try_apply(client, object).await;
    applied.unwrap_or_else(|error| panic!("{object}: {error}"))
}
