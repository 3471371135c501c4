//! Events of three reasons, and no others: there are many.

use std::sync::Arc;

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::Event as Object;
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use kube::runtime::watcher::{self, watcher};
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep};

use crate::index::event::{Event, Key};
use crate::index::note::{Note, NoteReason};
use crate::shared::Shared;

/// What can't be watched may be allowed later; until then pods are judged without.
const ABSENT: Duration = Duration::from_secs(60);

pub(super) fn start(
    tasks: &mut JoinSet<()>,
    client: &Client,
    namespace: Option<&str>,
    shared: &Arc<Shared>,
) {
    for reason in ["NotTriggerScaleUp", "TriggeredScaleUp", "FailedCreate"] {
        let api = super::typed::<Object>(client, namespace);
        let config = watcher::Config::default()
            .timeout(240)
            .fields(&format!("reason={reason}"));
        let (shared, stream) = (shared.clone(), watcher(api, config));
        tasks.spawn(async move {
            let mut stream = std::pin::pin!(stream);
            let mut said = false;
            while let Some(event) = stream.next().await {
                match event {
                    Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) => {
                        said = false;
                        if let Some(note) = note(object) {
                            shared.handle(Event::Note(note));
                        }
                    }
                    Ok(_) => {}
                    Err(error) => {
                        if !std::mem::replace(&mut said, true) {
                            tracing::warn!("Events of reason {reason} can't be watched: {error}");
                        }
                        let forbidden = matches!(&error, watcher::Error::InitialListFailed(kube::Error::Api(status)) if status.code == 403);
                        sleep(if forbidden { ABSENT } else { Duration::from_secs(5) }).await;
                    }
                }
            }
        });
    }
}

fn note(object: Object) -> Option<Note> {
    let about = object.involved_object;
    let said = object
        .series
        .and_then(|series| series.last_observed_time)
        .map(|time| time.0);
    let said = said
        .or_else(|| object.last_timestamp.map(|time| time.0))
        .or_else(|| object.event_time.map(|time| time.0))
        .or_else(|| object.metadata.creation_timestamp.map(|time| time.0));
    let age = said.and_then(|said| Duration::try_from(Timestamp::now().duration_since(said)).ok());
    let now = Instant::now();
    Some(Note {
        reason: NoteReason::parse(object.reason.as_deref()?)?,
        about: about.uid?.into(),
        name: Key::new(
            about.namespace.as_deref().unwrap_or_default(),
            about.name.as_deref()?,
        ),
        message: object
            .message
            .unwrap_or_default()
            .chars()
            .take(512)
            .collect(),
        at: now.checked_sub(age.unwrap_or_default()).unwrap_or(now),
    })
}
