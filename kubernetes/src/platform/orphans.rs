//! Targets whose ScaledWorkload is gone: nobody would wake them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use rouse_api::workload::OnDelete;
use rouse_scaler::platform::PlatformError;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::index::Orphan;
use crate::index::target::TargetKey;
use crate::scale::Scaler;
use crate::shared::Shared;

/// Between tries of what has failed.
const RETRY: Duration = Duration::from_secs(5);

/// Woken at once; a deleted resource definition takes every object with it.
const AT_ONCE: usize = 16;

/// Tries for one target; then it is left, said in the log.
const MOST_TRIES: u32 = 20;

/// The leader wakes what a deletion left asleep, and at its beginning what an earlier leader did not come to.
pub(super) async fn tend(
    shared: Arc<Shared>,
    scaler: Arc<Scaler>,
    mut leads: watch::Receiver<bool>,
) {
    let mut pending: BTreeMap<TargetKey, (Orphan, u32)> = BTreeMap::new();
    let mut led = false;
    loop {
        let leading = *leads.borrow_and_update() && shared.is_synced();
        let orphans = shared.take_orphans();
        if leading {
            pending.extend(orphans.into_iter().map(|(key, orphan)| (key, (orphan, 0))));
            if !led {
                for (key, orphan) in shared.with(|index| index.forgotten()) {
                    tracing::info!("{key} sleeps and has no ScaledWorkload: it is woken");
                    pending.insert(key, (orphan, 0));
                }
            }
        } else {
            pending.clear();
        }
        led = leading;
        pending = wake(&shared, &scaler, std::mem::take(&mut pending)).await;
        tokio::select! {
            changed = leads.changed() => if changed.is_err() { return },
            () = shared.orphans.notified() => {}
            () = sleep(RETRY), if !pending.is_empty() || !leading => {}
        }
    }
}

/// Returns those that are to be tried again.
async fn wake(
    shared: &Shared,
    scaler: &Scaler,
    pending: BTreeMap<TargetKey, (Orphan, u32)>,
) -> BTreeMap<TargetKey, (Orphan, u32)> {
    let due = pending
        .into_iter()
        .filter(|(key, _)| shared.with(|index| index.is_left_asleep(key)));
    let tries = due.map(|(key, (orphan, tries))| async move {
        let (namespace, scalable) = (key.name.namespace(), orphan.scalable.clone());
        let result = match orphan.on_delete {
            OnDelete::Restore => scaler.wake(namespace, scalable, orphan.found).await.map(|_| ()),
            OnDelete::Wake => scaler.wake(namespace, scalable, 1).await.map(|_| ()),
            // Said at the target, or the next leader would take it for forgotten.
            OnDelete::Keep => scaler.keep(namespace, scalable).await,
        };
        match result {
            Ok(()) => None,
            Err(PlatformError::Refused(why)) if tries + 1 >= MOST_TRIES => {
                tracing::error!("{key} is left as it is, without its ScaledWorkload: {why}");
                None
            }
            Err(error) => {
                tracing::warn!("the ScaledWorkload of {key} is gone, and what that asks for could not be done: {error}");
                Some((key, (orphan, tries + 1)))
            }
        }
    });
    stream::iter(tries)
        .buffer_unordered(AT_ONCE)
        .filter_map(std::future::ready)
        .collect()
        .await
}
