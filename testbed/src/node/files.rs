use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::select_all;
use k8s_openapi::api::core::v1::{DownwardAPIVolumeFile, KeyToPath, ServiceAccountTokenProjection};

use super::fields::field;
use super::objects::{Changes, Data, Key};
use super::payload::{Folder, Payload};
use super::tokens;
use super::volumes::Maker;

/// Between attempts to refresh after a failure.
const RETRY: Duration = Duration::from_secs(1);

/// A part of what a volume holds.
#[derive(Debug)]
pub(crate) enum Part {
    Object {
        key: Key,
        items: Option<Vec<KeyToPath>>,
        optional: bool,
    },
    Token(ServiceAccountTokenProjection),
    Fields(Vec<DownwardAPIVolumeFile>),
}

/// A volume of files that follow objects, tokens and the pod itself.
pub(crate) struct Files {
    maker: Arc<Maker>,
    parts: Vec<Part>,
    folder: Folder,
    changes: Vec<Changes>,
}

impl Files {
    pub(crate) fn new(maker: Arc<Maker>, parts: Vec<Part>, path: PathBuf, mode: u32) -> Self {
        let changes = parts.iter().filter_map(|part| match part {
            Part::Object { key, .. } => Some(maker.objects.get(key).changes()),
            Part::Token(_) | Part::Fields(_) => None,
        });
        Self {
            changes: changes.collect(),
            maker,
            parts,
            folder: Folder::new(path, mode),
        }
    }

    /// Writes what is known now; how long that is good for, at most.
    pub(crate) async fn refresh(&mut self) -> Result<Option<Duration>, String> {
        let (payload, next) = self.render().await?;
        self.folder
            .write(payload)
            .map_err(|error| error.to_string())?;
        Ok(next)
    }

    /// Writes again whenever something changed, or after `next`.
    pub(crate) async fn keep_fresh(mut self, mut next: Option<Duration>) {
        let mut pod = self.maker.state.pod.subscribe();
        loop {
            let follows_pod = self
                .parts
                .iter()
                .any(|part| matches!(part, Part::Fields(_)));
            let due = async {
                match next {
                    Some(next) => tokio::time::sleep(next).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => {}
                // It fails only when the pod is forgotten.
                changed = pod.changed(), if follows_pod => if changed.is_err() { return },
                () = any(&mut self.changes) => {
                    let delay = self.maker.knobs.read(|settings| settings.volume_delay);
                    tokio::time::sleep(delay).await;
                }
            }
            next = self.refresh().await.unwrap_or_else(|error| {
                tracing::debug!(error, "volume stays as it was");
                Some(RETRY)
            });
        }
    }

    async fn render(&self) -> Result<(Payload, Option<Duration>), String> {
        let mut payload = Payload::new();
        let mut next = None;
        for part in &self.parts {
            match part {
                Part::Object {
                    key,
                    items,
                    optional,
                } => match self.maker.objects.get(key).data().await {
                    Some(data) => choose(&data, items.as_deref(), *optional, &mut payload)
                        .map_err(|name| format!("{key} has no key {name:?}"))?,
                    None if *optional => {}
                    None => return Err(format!("{key} not found")),
                },
                Part::Token(projection) => {
                    let pod = self.maker.state.object();
                    let (token, good) =
                        tokens::request(&self.maker.client, &pod, projection).await?;
                    payload.insert(projection.path.clone(), token.into_bytes());
                    next = Some(next.map_or(good, |next: Duration| next.min(good)));
                }
                Part::Fields(files) => self.fields(files, &mut payload)?,
            }
        }
        Ok((payload, next))
    }

    fn fields(&self, files: &[DownwardAPIVolumeFile], payload: &mut Payload) -> Result<(), String> {
        let pod = self.maker.state.object();
        for file in files {
            let reference = file
                .field_ref
                .as_ref()
                .ok_or_else(|| format!("{:?}: this node knows fieldRef only", file.path))?;
            let value = field(&pod, &self.maker.facts, &reference.field_path)?;
            payload.insert(file.path.clone(), value.into_bytes());
        }
        Ok(())
    }
}

/// Returns when one of the objects has changed.
async fn any(changes: &mut [Changes]) {
    if changes.is_empty() {
        return std::future::pending().await;
    }
    select_all(changes.iter_mut().map(|change| change.next().boxed())).await;
}

/// All of the object's keys, or those named; the error is the one that is missing.
fn choose<'a>(
    data: &Data,
    items: Option<&'a [KeyToPath]>,
    optional: bool,
    payload: &mut Payload,
) -> Result<(), &'a str> {
    let Some(items) = items else {
        payload.extend(data.clone());
        return Ok(());
    };
    for item in items {
        match data.get(&item.key) {
            Some(value) => drop(payload.insert(item.path.clone(), value.clone())),
            None if optional => {}
            None => return Err(&item.key),
        }
    }
    Ok(())
}
