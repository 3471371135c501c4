//! Counts, changed through the scale subresource.

pub(crate) mod answer;
pub(crate) mod attempts;
pub(crate) mod cost;
mod request;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use parking_lot::Mutex;
use rouse_api::workload::{Scalable, WorkloadId};
use rouse_scaler::platform::{Count, PlatformError};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::index::event::{Change as Seen, Event};
use crate::index::target::TargetKey;
use crate::lease::Reign;
use crate::shared::Shared;
use answer::Answer;
use attempts::{Attempts, REQUEST, Step};
use cost::{Costs, PodCost};

/// Changes counts.
pub(crate) struct Scaler {
    client: Client,
    shared: Arc<Shared>,
    reign: Reign,
    costs: Costs,
    /// Plurals of custom kinds, by apiVersion and kind: as many as workloads name.
    plurals: Mutex<HashMap<(String, String), String>>,
}

impl std::fmt::Debug for Scaler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scaler").finish_non_exhaustive()
    }
}

/// One count that is to change.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    /// For which workload, while it may; `None`: it has none any more.
    pub(crate) workload: Option<WorkloadId>,
    /// In which namespace.
    pub(crate) namespace: String,
    /// What.
    pub(crate) scalable: Scalable,
    /// As the asker believes.
    pub(crate) from: u32,
    /// As it shall be.
    pub(crate) to: u32,
}

impl Change {
    fn key(&self) -> TargetKey {
        TargetKey::of(&self.namespace, &self.scalable)
    }
}

impl Scaler {
    pub(crate) fn new(client: Client, shared: Arc<Shared>, reign: Reign) -> Self {
        Self {
            costs: Costs::new(client.clone()),
            client,
            shared,
            reign,
            plurals: Mutex::default(),
        }
    }

    /// Says which pods go first, where it may and the target's controller listens to it.
    pub(crate) async fn mark(&self, namespace: &str, scalable: &Scalable, pods: Vec<PodCost>) {
        // A StatefulSet loses its highest ordinal.
        if scalable.kind != "StatefulSet" {
            self.costs.write(namespace, pods).await;
        }
    }

    /// Up: never lowers, returns what is there when that is as much. Down: only from the count that is believed.
    pub(crate) async fn scale(&self, change: Change) -> Result<Count, PlatformError> {
        let begun = Instant::now();
        let reign = self.reign.until();
        let until = attempts::deadline((change.from, change.to), reign, begun);
        if until <= begun {
            return Err(PlatformError::Refused(format!(
                "{} is not lowered by a scaler that leads no longer",
                change.key()
            )));
        }
        let mut last = "nothing was tried".to_owned();
        match timeout_at(until, self.attempts(&change, until, &mut last)).await {
            Ok(result) => result,
            Err(_) => Err(PlatformError::Refused(format!(
                "{} was not scaled within {:.0} s: {last}",
                change.key(),
                (until - begun).as_secs_f64()
            ))),
        }
    }

    async fn attempts(
        &self,
        change: &Change,
        until: Instant,
        last: &mut String,
    ) -> Result<Count, PlatformError> {
        let key = change.key();
        let path = self.path(change).await?;
        let known = self
            .shared
            .with(|index| index.target_of(&key).map(|target| target.count));
        let counts = (change.from, change.to);
        let mut attempts = Attempts::new(key.to_string(), counts, known, until);
        loop {
            let unclear = || self.shared.with(|index| index.is_unclear(&key));
            let (step, limit) = (attempts.step(Instant::now(), unclear()), attempts.limit());
            // Before every try: it may have been paused, stopped or taken over since the one before.
            let forbidden = self.forbidden(change);
            if let Some(why) = forbidden.filter(|_| !matches!(step, Step::End(_))) {
                return Err(PlatformError::Refused(why));
            }
            let answer = match &step {
                Step::Look => self.send(request::get(&path), limit).await,
                Step::Examine => self.look(&key, &path, limit).await,
                Step::Patch(count) => self.patch(change, &path, *count, limit).await,
                Step::Wait(until) => {
                    sleep_until(*until).await;
                    continue;
                }
                Step::End(end) => return end.clone(),
            };
            if let Answer::Count(count) = answer {
                let ours = matches!(step, Step::Patch(_));
                self.shared.counted(&key, count, ours);
            }
            attempts.answered(&step, answer, unclear(), Instant::now());
            attempts.last().clone_into(last);
        }
    }

    /// Why a workload's target may not be scaled, as far as is known now.
    fn forbidden(&self, change: &Change) -> Option<String> {
        let workload = change.workload.as_ref()?;
        match self.shared.with(|index| index.scalable_of(workload)) {
            Some((_, blocked)) => blocked.map(|blocked| blocked.message),
            None => Some(format!("ScaledWorkload {workload} is gone or invalid")),
        }
    }

    /// Reads the object itself, for it tells who wrote its zero; the index knows it then.
    async fn look(&self, key: &TargetKey, path: &str, limit: Duration) -> Answer {
        let request = match request::object(path) {
            Ok(request) => request,
            Err(error) => return Answer::Refused(error.to_string()),
        };
        let read = answer::read_object(&self.client, request, &key.kind);
        let Ok((answer, seen)) = timeout(limit, read).await else {
            return silent(limit);
        };
        if let Some(target) = seen {
            self.shared.handle(Event::Target(Seen::Apply(target)));
        }
        answer
    }

    async fn patch(&self, change: &Change, path: &str, count: Count, limit: Duration) -> Answer {
        let to = change.to;
        let request = if to == 0 && change.key().is_built_in() {
            request::sleep(path, &change.scalable.name, &change.namespace, count)
        } else {
            request::patch(path, count.replicas, to)
        };
        self.send(request, limit).await
    }

    async fn send(
        &self,
        request: Result<http::Request<kube::client::Body>, http::Error>,
        limit: Duration,
    ) -> Answer {
        let request = match request {
            Ok(request) => request,
            Err(error) => return Answer::Refused(error.to_string()),
        };
        match timeout(limit, answer::read(&self.client, request)).await {
            Ok(answer) => answer,
            Err(_) => silent(limit),
        }
    }

    async fn path(&self, change: &Change) -> Result<String, PlatformError> {
        let scalable = &change.scalable;
        let plural = match self.plural(scalable).await {
            Ok(plural) => plural,
            Err(why) => return Err(PlatformError::Refused(format!("{}: {why}", change.key()))),
        };
        Ok(request::path(
            &change.namespace,
            &scalable.api_version,
            &plural,
            &scalable.name,
        ))
    }

    /// The plural of a kind, asked for once.
    async fn plural(&self, scalable: &Scalable) -> Result<String, String> {
        if crate::shared::is_built_in(scalable) {
            return Ok(format!("{}s", scalable.kind.to_lowercase()));
        }
        let kind = (scalable.api_version.clone(), scalable.kind.clone());
        if let Some(plural) = self.plurals.lock().get(&kind) {
            return Ok(plural.clone());
        }
        let resource = discover(&self.client, &kind.0, &kind.1).await?;
        self.plurals.lock().insert(kind, resource.plural.clone());
        Ok(resource.plural)
    }

    /// Notes at a target that has no workload any more that its zero is to stay; only of built-in kinds, for others are never woken
    /// without their workload.
    pub(crate) async fn keep(
        &self,
        namespace: &str,
        scalable: Scalable,
    ) -> Result<(), PlatformError> {
        let (namespace, from, to) = (namespace.to_owned(), 0, 0);
        let change = Change {
            workload: None,
            namespace,
            scalable,
            from,
            to,
        };
        if !change.key().is_built_in() {
            return Ok(());
        }
        let path = self.path(&change).await?;
        let answer = self.send(request::get(&path), REQUEST).await;
        let Answer::Count(count) = answer else {
            return Err(PlatformError::Refused(format!(
                "{}: {answer:?}",
                change.key()
            )));
        };
        if count.replicas > 0 {
            return Ok(());
        }
        let (name, namespace) = (&change.scalable.name, &change.namespace);
        match self
            .send(request::keep(&path, name, namespace, count), REQUEST)
            .await
        {
            Answer::Count(_) => Ok(()),
            answer => Err(PlatformError::Refused(format!(
                "{}: {answer:?}",
                change.key()
            ))),
        }
    }

    /// For a target that has no workload any more.
    pub(crate) async fn wake(
        &self,
        namespace: &str,
        scalable: Scalable,
        to: u32,
    ) -> Result<Count, PlatformError> {
        let (namespace, from) = (namespace.to_owned(), 0);
        self.scale(Change {
            workload: None,
            namespace,
            scalable,
            from,
            to,
        })
        .await
    }
}

fn silent(limit: Duration) -> Answer {
    Answer::Later {
        after: None,
        why: format!("the API server did not answer within {} s", limit.as_secs()),
    }
}

/// A kind as the API server serves it.
pub(crate) async fn discover(
    client: &Client,
    api_version: &str,
    kind: &str,
) -> Result<kube::core::ApiResource, String> {
    let gv: kube::core::GroupVersion = api_version
        .parse()
        .map_err(|_| format!("{api_version:?} is not an apiVersion"))?;
    let gvk = gv.with_kind(kind);
    let found = timeout(REQUEST, kube::discovery::pinned_kind(client, &gvk)).await;
    match found {
        Ok(Ok((resource, _))) => Ok(resource),
        Ok(Err(error)) => {
            let absent = match &error {
                kube::Error::Discovery(_) => true,
                kube::Error::Api(status) => status.code == 404,
                _ => false,
            };
            let what = if absent {
                "is not served; apply its CustomResourceDefinition"
            } else {
                "can't be looked up"
            };
            Err(format!("{api_version} {kind} {what} ({error})"))
        }
        Err(_) => Err("the API server did not answer".to_owned()),
    }
}
