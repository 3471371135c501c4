//! Counts, changed through the scale subresource.

mod answer;
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
use tokio::time::{Instant, sleep, timeout};

use crate::index::event::{Change as Seen, Event};
use crate::index::target::TargetKey;
use crate::shared::Shared;
use answer::Answer;
use cost::{Costs, PodCost};

/// For one request with its answer.
const REQUEST: Duration = Duration::from_secs(5);

/// For a whole scale, with everything that is tried again.
const DEADLINE: Duration = Duration::from_secs(25);

/// The same downwards, by a leader. Another may lead when this one has not renewed its Lease for [4 s](crate::lease::Timing::lease):
/// what was begun after a renewal and is given up by now can't follow the other's word to send again.
const DEADLINE_DOWN: Duration = Duration::from_secs(3);

/// For one request with its answer, downwards: one that got none is looked after within the deadline.
const REQUEST_DOWN: Duration = Duration::from_secs(1);

/// The first pause before another try, when the API server names none; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The longest pause of our own choice.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Tries that find another count or version than just before, in a row; more mean that something else is wrong.
const MOST_CONFLICTS: u32 = 8;

/// Changes counts.
pub(crate) struct Scaler {
    client: Client,
    shared: Arc<Shared>,
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

    fn raises(&self) -> bool {
        self.to >= self.from
    }

    /// For all of it, and for one request.
    fn deadlines(&self) -> (Duration, Duration) {
        if self.raises() {
            (DEADLINE, REQUEST)
        } else {
            (DEADLINE_DOWN, REQUEST_DOWN)
        }
    }

    /// Whether a count that is there already is an answer.
    fn settled(&self, count: Count) -> Option<Result<Count, PlatformError>> {
        if self.raises() {
            // Who has set it to zero meanwhile may have meant it: whether it is woken is decided anew.
            let stopped = self.from > 0 && count.replicas == 0;
            return match count.replicas >= self.to {
                true => Some(Ok(count)),
                false => stopped.then_some(Err(PlatformError::Changed(count))),
            };
        }
        if count.replicas == self.to {
            return Some(Ok(count));
        }
        (count.replicas != self.from).then_some(Err(PlatformError::Changed(count)))
    }
}

impl Scaler {
    pub(crate) fn new(client: Client, shared: Arc<Shared>) -> Self {
        Self {
            costs: Costs::new(client.clone()),
            client,
            shared,
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
        let (deadline, _) = change.deadlines();
        let until = Instant::now() + deadline;
        let mut last = "nothing was tried".to_owned();
        match timeout(deadline, self.attempts(&change, until, &mut last)).await {
            Ok(result) => result,
            Err(_) => Err(PlatformError::Refused(format!(
                "{} was not scaled within {} s: {last}",
                change.key(),
                deadline.as_secs()
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
        let limit = change.deadlines().1;
        let path = self.path(change).await?;
        let (mut pause, mut conflicts) = (FIRST_PAUSE, 0);
        let known = self
            .shared
            .with(|index| index.target_of(&key).map(|target| target.count));
        // What is known may be old: whether there is nothing to do only the API server can tell.
        let mut current = known.filter(|count| change.settled(*count).is_none());
        let mut looked = false;
        loop {
            // Before every try: it may have been paused, stopped or taken over since the one before.
            if let Some(why) = self.forbidden(change) {
                return Err(PlatformError::Refused(why));
            }
            // A process that was stopped for a while must not go on where it was.
            if Instant::now() >= until {
                return Err(PlatformError::Refused(format!(
                    "{key} was not scaled in time: {last}"
                )));
            }
            let look =
                change.raises() && !looked && self.shared.with(|index| index.is_unclear(&key));
            let answer = match current {
                _ if look => self.look(&key, &path, limit).await,
                Some(count) => self.patch(change, &path, count).await,
                None => self.send(request::get(&path), limit).await,
            };
            match answer {
                Answer::Count(count) => {
                    let ours = current.is_some() && !look;
                    self.shared.counted(&key, count, ours);
                    if ours {
                        return Ok(count);
                    }
                    looked = look;
                    current = Some(count);
                    if !look && self.shared.with(|index| index.is_unclear(&key)) {
                        continue;
                    }
                    if let Some(settled) = change.settled(count) {
                        return settled;
                    }
                }
                // It is another count, or another version: look again.
                Answer::Conflict(why) => {
                    conflicts += 1;
                    if conflicts >= MOST_CONFLICTS {
                        return Err(PlatformError::Refused(format!(
                            "{key} was not scaled: {why}"
                        )));
                    }
                    current = None;
                }
                Answer::Later { after, why } => {
                    let wait = after.unwrap_or(pause);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    *last = why;
                    if Instant::now() + wait >= until {
                        return Err(PlatformError::Refused(format!(
                            "{key} was not scaled: {last}"
                        )));
                    }
                    sleep(wait).await;
                    // It may have been done although no answer came.
                    current = None;
                }
                Answer::Refused(why) => {
                    return Err(PlatformError::Refused(format!("{key}: {why}")));
                }
            }
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

    async fn patch(&self, change: &Change, path: &str, count: Count) -> Answer {
        let (to, limit) = (change.to, change.deadlines().1);
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
