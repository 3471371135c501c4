//! KEDA's objects: ScaledObjects always, for what KEDA scales is left alone; the others where they are taken for workloads.

use std::sync::Arc;

use kube::Client;
use kube::api::{Api, DynamicObject};
use rouse_convert::keda::Kind as Of;
use tokio::task::JoinSet;

use super::run::{self, Kind, Need};
use super::{dynamic, dynamic_api};
use crate::index::adopted::{Adoption, Raw};
use crate::index::event::{Event, Scope};
use crate::origin::resource;
use crate::shared::Shared;

pub(super) fn start(
    tasks: &mut JoinSet<()>,
    client: &Client,
    namespace: Option<&str>,
    shared: &Arc<Shared>,
    adoption: Adoption,
) {
    let mut kinds = vec![(Of::ScaledObject, "KEDA's ScaledObjects")];
    if adoption != Adoption::Off {
        kinds.extend([
            (Of::TriggerAuthentication, "KEDA's TriggerAuthentications"),
            (
                Of::ClusterTriggerAuthentication,
                "KEDA's ClusterTriggerAuthentications",
            ),
            (Of::HttpScaledObject, "KEDA's HTTPScaledObjects"),
            (Of::InterceptorRoute, "KEDA's InterceptorRoutes"),
        ]);
    }
    for (kind, name) in kinds {
        let (api_version, singular, plural) = resource(kind);
        let known = dynamic(api_version, singular, plural);
        let api: Api<DynamicObject> = match kind {
            Of::ClusterTriggerAuthentication => Api::all_with(client.clone(), &known),
            _ => dynamic_api(client, namespace, &known),
        };
        let watched = Kind {
            name,
            need: Need::IfServed,
            of: |object: DynamicObject| Raw::of(&object),
            key: Raw::key,
            event: Event::Keda,
        };
        let all = kind == Of::ClusterTriggerAuthentication;
        let scope = Scope {
            namespace: namespace.filter(|_| !all).map(ToOwned::to_owned),
            kind: singular.to_owned(),
        };
        tasks.spawn(run::run(shared.clone(), watched, api, scope));
    }
}
