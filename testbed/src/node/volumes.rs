//! A pod's volumes: made before its containers, kept fresh while it lives.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, Pod, Volume};
use kube::Client;
use tokio::task::JoinHandle;

use super::fields::Facts;
use super::files::{Files, Part};
use super::knobs::Knobs;
use super::objects::{Key, Kind, Objects};
use super::process::Mount;
use super::state::{PodState, spec};

/// Where a mount point can be made: what is a tmpfs of the testbed's own mount namespace. Elsewhere it must exist.
const WRITABLE: [&str; 2] = ["/run", "/var/run"];

/// What volumes are made with.
pub(crate) struct Maker {
    pub(crate) client: Client,
    pub(crate) objects: Objects,
    pub(crate) knobs: Knobs,
    pub(crate) facts: Facts,
    pub(crate) state: Arc<PodState>,
    /// The pod's own folder.
    pub(crate) root: PathBuf,
}

/// The volumes of one pod; dropping them stops their refreshing.
#[derive(Debug, Default)]
pub(crate) struct Volumes {
    /// By name: relative to the pod's folder, or a path of the host.
    sources: BTreeMap<String, PathBuf>,
    /// Their files can't be written by the container.
    read_only: Vec<String>,
    refreshing: Vec<JoinHandle<()>>,
}

impl Drop for Volumes {
    fn drop(&mut self) {
        for task in &self.refreshing {
            task.abort();
        }
    }
}

impl Volumes {
    /// Makes all volumes of the pod.
    ///
    /// # Errors
    /// What is missing, or not known to this node.
    pub(crate) async fn make(maker: &Arc<Maker>) -> Result<Self, String> {
        let pod = maker.state.object();
        let mut volumes = Self::default();
        let all = spec(&pod).and_then(|spec| spec.volumes.clone());
        for volume in all.into_iter().flatten() {
            let name = volume.name.clone();
            volumes
                .add(maker, &pod, volume)
                .await
                .map_err(|error| format!("volume {name:?}: {error}"))?;
        }
        Ok(volumes)
    }

    async fn add(&mut self, maker: &Arc<Maker>, pod: &Pod, volume: Volume) -> Result<(), String> {
        let source = Path::new("volumes").join(&volume.name);
        let path = maker.root.join(&source);
        if let Some(host) = &volume.host_path {
            self.sources.insert(volume.name, PathBuf::from(&host.path));
            return Ok(());
        }
        std::fs::create_dir_all(&path).map_err(|error| error.to_string())?;
        if volume.empty_dir.is_none() {
            let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
            let (parts, mode) = parts(namespace, &volume)?;
            let mode = u32::try_from(mode.unwrap_or(0o644)).unwrap_or(0o644);
            let mut files = Files::new(Arc::clone(maker), parts, path, mode);
            let next = files.refresh().await?;
            self.refreshing.push(tokio::spawn(files.keep_fresh(next)));
            self.read_only.push(volume.name.clone());
        }
        self.sources.insert(volume.name, source);
        Ok(())
    }

    /// The container's mounts, outer ones first.
    ///
    /// # Errors
    /// When a mount point can't be made; the text names the path.
    pub(crate) fn mounts(&self, container: &Container, root: &Path) -> Result<Vec<Mount>, String> {
        let mut mounts = Vec::new();
        for mount in container.volume_mounts.iter().flatten() {
            let source = self
                .sources
                .get(&mount.name)
                .ok_or_else(|| format!("volumeMount {:?}: no such volume", mount.name))?;
            let sub = mount.sub_path.as_deref().unwrap_or_default();
            let source = if sub.is_empty() {
                source.clone()
            } else {
                source.join(sub)
            };
            let target = PathBuf::from(&mount.mount_path);
            let full = root.join(&source);
            prepare(&full, &target, sub)
                .map_err(|why| format!("mountPath {:?}: {why}", mount.mount_path))?;
            mounts.push(Mount {
                source,
                target,
                read_only: mount.read_only == Some(true) || self.read_only.contains(&mount.name),
            });
        }
        mounts.sort_by_key(|mount| mount.target.components().count());
        Ok(mounts)
    }
}

/// Makes the mount point (and a missing folder of a subPath).
fn prepare(source: &Path, target: &Path, sub: &str) -> Result<(), String> {
    let up = |part| matches!(part, Component::ParentDir);
    if !target.is_absolute() || target.components().any(up) || Path::new(sub).components().any(up) {
        return Err("must be absolute, and neither it nor its subPath may contain ..".to_owned());
    }
    if !source.exists() {
        std::fs::create_dir_all(source).map_err(|error| error.to_string())?;
    }
    if target.exists() {
        return Ok(());
    }
    if !WRITABLE.iter().any(|root| target.starts_with(root)) {
        return Err(format!(
            "can't be made on this node; use a path below {}, or a folder that exists",
            WRITABLE.join(", ")
        ));
    }
    let made = if source.is_file() {
        let parent = target.parent().map_or(Ok(()), std::fs::create_dir_all);
        parent.and_then(|()| std::fs::File::create(target).map(drop))
    } else {
        std::fs::create_dir_all(target)
    };
    made.map_err(|error| error.to_string())
}

/// What the files of a volume are made of, and their mode.
fn parts(namespace: &str, volume: &Volume) -> Result<(Vec<Part>, Option<i32>), String> {
    let object = |kind, name: &str, items, optional: Option<bool>| Part::Object {
        key: Key {
            kind,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        },
        items,
        optional: optional == Some(true),
    };
    if let Some(map) = &volume.config_map {
        let part = object(Kind::ConfigMap, &map.name, map.items.clone(), map.optional);
        return Ok((vec![part], map.default_mode));
    }
    if let Some(secret) = &volume.secret {
        let name = secret.secret_name.as_deref().unwrap_or_default();
        let part = object(Kind::Secret, name, secret.items.clone(), secret.optional);
        return Ok((vec![part], secret.default_mode));
    }
    if let Some(fields) = &volume.downward_api {
        let part = Part::Fields(fields.items.clone().unwrap_or_default());
        return Ok((vec![part], fields.default_mode));
    }
    let unknown =
        "this node knows emptyDir, configMap, secret, projected, downwardAPI and hostPath only";
    let projected = volume.projected.as_ref().ok_or(unknown)?;
    let mut parts = Vec::new();
    for source in projected.sources.iter().flatten() {
        if let Some(token) = &source.service_account_token {
            parts.push(Part::Token(token.clone()));
        } else if let Some(map) = &source.config_map {
            parts.push(object(
                Kind::ConfigMap,
                &map.name,
                map.items.clone(),
                map.optional,
            ));
        } else if let Some(secret) = &source.secret {
            parts.push(object(
                Kind::Secret,
                &secret.name,
                secret.items.clone(),
                secret.optional,
            ));
        } else if let Some(fields) = &source.downward_api {
            parts.push(Part::Fields(fields.items.clone().unwrap_or_default()));
        } else {
            return Err(unknown.to_owned());
        }
    }
    Ok((parts, projected.default_mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_are_made_only_where_they_can_be() {
        let source = tempfile::tempdir().unwrap();
        let refused = prepare(source.path(), Path::new("/etc/rouse-no-such/a"), "").unwrap_err();
        assert!(refused.contains("below /run"), "{refused}");
        assert!(!Path::new("/etc/rouse-no-such").exists());
        assert!(prepare(source.path(), Path::new("/run/../etc/x"), "").is_err());
        prepare(source.path(), Path::new("/etc"), "").unwrap();
    }
}
