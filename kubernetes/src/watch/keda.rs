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
            (Of::HttpScaledObject, "KEDA's HTTPScaledObjects"),
            (Of::InterceptorRoute, "KEDA's InterceptorRoutes"),
        ]);
    }
    for kind in kinds {
        watch(tasks, client, namespace, shared, (kind, adoption));
    }
}

/// What belongs to no namespace.
pub(super) fn of_cluster(
    tasks: &mut JoinSet<()>,
    client: &Client,
    shared: &Arc<Shared>,
    adoption: Adoption,
) {
    if adoption != Adoption::Off {
        let name = "KEDA's ClusterTriggerAuthentications";
        let kind = (Of::ClusterTriggerAuthentication, name);
        watch(tasks, client, None, shared, (kind, adoption));
    }
}

fn watch(
    tasks: &mut JoinSet<()>,
    client: &Client,
    namespace: Option<&str>,
    shared: &Arc<Shared>,
    ((kind, name), adoption): ((Of, &'static str), Adoption),
) {
    let (api_version, singular, plural) = resource(kind);
    let known = dynamic(api_version, singular, plural);
    let api: Api<DynamicObject> = dynamic_api(client, namespace, &known);
    let watched = Kind {
        name,
        // To take a list that may not be read for an empty one would be to delete all that it holds.
        need: match adoption {
            Adoption::Off => Need::IfServed,
            Adoption::Annotated | Adoption::All => Need::MustIfServed,
        },
        of: Raw::of,
        key: Raw::key,
        event: Event::Keda,
    };
    let scope = Scope {
        namespace: namespace.map(ToOwned::to_owned),
        kind: singular.to_owned(),
    };
    tasks.spawn(run::run(shared.clone(), watched, api, scope));
}
