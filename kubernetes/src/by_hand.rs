//! Waking by hand: what people do with their own rights, whether a scaler runs or not.

use std::sync::Arc;
use std::time::Duration;

use kube::api::{Api, ApiResource, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::{Client, Error};
use rouse_api::resource::{API_VERSION, KIND};
use rouse_api::workload::{Scalable, Target, Workload, WorkloadId};
use serde_json::json;
use tokio::time::timeout;

use crate::index::object::Object;
use crate::index::target::PAUSED;
use crate::index::{Index, UNSCHEDULABLE_WAIT};
use crate::lease::Reign;
use crate::scale::{Scaler, discover};
use crate::shared::{Shared, is_built_in};

/// For one request with its answer.
const REQUEST: Duration = Duration::from_secs(10);

/// Objects in one page of a list.
const PAGE: u32 = 500;

/// Wakes what ScaledWorkloads name.
#[derive(Clone)]
pub struct ByHand {
    client: Client,
    scaler: Arc<Scaler>,
}

impl std::fmt::Debug for ByHand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ByHand").finish_non_exhaustive()
    }
}

/// A ScaledWorkload, and what it wakes; or why that can't be known.
pub type Named = (WorkloadId, Result<(Scalable, u32), String>);

impl ByHand {
    /// With the rights of this client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        // It knows nothing, so that every count is asked for; and it lowers nothing, for it never leads.
        let shared = Shared::new(Index::new(UNSCHEDULABLE_WAIT));
        let scaler = Arc::new(Scaler::new(client.clone(), shared, Reign::default()));
        Self { client, scaler }
    }

    /// One ScaledWorkload with its target and the count that wakes it.
    ///
    /// # Errors
    /// There is none of that name, or the API server does not say; a sentence.
    pub async fn get(&self, id: &WorkloadId) -> Result<Named, String> {
        let object = within(self.objects(Some(id.namespace())).get(id.name())).await?;
        let object = Object::of(&object).map(named);
        Ok(object.unwrap_or_else(|| (id.clone(), Err("it has no name".to_owned()))))
    }

    /// All of a namespace, or of all, by name; with `class` only those of it, an empty one meaning those without.
    ///
    /// # Errors
    /// The API server does not say; a sentence.
    pub async fn list(
        &self,
        namespace: Option<&str>,
        class: Option<&str>,
    ) -> Result<Vec<Named>, String> {
        let api = self.objects(namespace);
        let mut params = ListParams::default().limit(PAGE);
        let mut all = Vec::new();
        loop {
            let page = within(api.list(&params)).await?;
            let objects = page.items.iter().filter_map(Object::of);
            let of = |object: &Object| {
                class.is_none_or(|class| object.class.as_deref().unwrap_or_default() == class)
            };
            all.extend(objects.filter(of).map(named));
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return Ok(all),
            }
        }
    }

    /// Marks it so that no Rouse scales it, until the mark is taken away.
    ///
    /// # Errors
    /// The API server refuses; a sentence.
    pub async fn pause(&self, id: &WorkloadId) -> Result<(), String> {
        let patch = Patch::Merge(json!({"metadata": {"annotations": {PAUSED: "true"}}}));
        let api = self.objects(Some(id.namespace()));
        within(api.patch(id.name(), &PatchParams::default(), &patch)).await?;
        Ok(())
    }

    /// To `replicas`, if there are fewer.
    ///
    /// # Errors
    /// The API server refuses; a sentence.
    pub async fn wake(
        &self,
        id: &WorkloadId,
        target: &Scalable,
        replicas: u32,
    ) -> Result<(), String> {
        let woken = self
            .scaler
            .wake(id.namespace(), target.clone(), replicas)
            .await;
        woken.map(|_| ()).map_err(|error| error.to_string())
    }

    /// Whether a replica is ready; of a custom kind, whether there is one, for more it does not tell.
    ///
    /// # Errors
    /// The API server does not say; a sentence.
    pub async fn is_ready(&self, id: &WorkloadId, target: &Scalable) -> Result<bool, String> {
        let resource = discover(&self.client, &target.api_version, &target.kind).await?;
        let client = self.client.clone();
        let api: Api<DynamicObject> = Api::namespaced_with(client, id.namespace(), &resource);
        if is_built_in(target) {
            let object = within(api.get(&target.name)).await?;
            let ready = object.data.pointer("/status/readyReplicas");
            return Ok(ready.and_then(serde_json::Value::as_i64).unwrap_or(0) > 0);
        }
        let scale = within(api.get_scale(&target.name)).await?;
        Ok(scale.status.is_some_and(|status| status.replicas > 0))
    }

    fn objects(&self, namespace: Option<&str>) -> Api<DynamicObject> {
        let (group, version) = API_VERSION.split_once('/').unwrap_or(("", API_VERSION));
        let kind = GroupVersionKind::gvk(group, version, KIND);
        let resource = ApiResource::from_gvk_with_plural(&kind, "scaledworkloads");
        match namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        }
    }
}

fn named(object: Object) -> Named {
    let what = match &object.workload {
        Ok(workload) => wakes(workload),
        Err(problems) => Err(format!("it is invalid: {}", problems.join("; "))),
    };
    (object.key, what)
}

fn wakes(workload: &Workload) -> Result<(Scalable, u32), String> {
    let scale = &workload.scale;
    match &workload.target {
        Target::Scalable(target) => Ok((target.clone(), scale.min.max(scale.on_wake).max(1))),
        Target::Process(_) => Err("its target is a process".to_owned()),
    }
}

async fn within<T>(asked: impl Future<Output = Result<T, Error>>) -> Result<T, String> {
    match timeout(REQUEST, asked).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err("the API server does not answer".to_owned()),
    }
}
