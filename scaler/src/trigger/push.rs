//! What an external scaler says by itself: that there is something to do. That there is nothing comes from asking alone.

use std::sync::Arc;
use std::time::Duration;

use rouse_api::workload::{Asked, External, WorkloadId};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::Context;
use super::external::{client, object, told};
use crate::platform::Platform;

/// From the first attempt to open a stream anew to the last, doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const MOST_PAUSE: Duration = Duration::from_secs(60);

/// Until the stream has begun.
const OPENED_WITHIN: Duration = Duration::from_secs(10);

/// A stream, kept open as long as this is there; nothing where a source doesn't push.
#[derive(Debug)]
pub(super) struct Pushes(Option<(Arc<Notify>, AbortOnDropHandle<()>)>);

impl Pushes {
    pub(super) fn of<P: Platform>(
        context: &Arc<Context<P>>,
        workload: &WorkloadId,
        of: &Asked,
    ) -> Self {
        let Asked::External(external) = of else {
            return Self(None);
        };
        if !external.push {
            return Self(None);
        }
        let notify = Arc::new(Notify::new());
        let task = keep(
            context.clone(),
            workload.clone(),
            External::clone(external),
            notify.clone(),
        );
        Self(Some((notify, AbortOnDropHandle::new(tokio::spawn(task)))))
    }

    /// Until it has said so since the last call. Safe to drop.
    pub(super) async fn next(&self) {
        match &self.0 {
            Some((notify, _)) => notify.notified().await,
            None => std::future::pending().await,
        }
    }
}

async fn keep<P: Platform>(
    context: Arc<Context<P>>,
    workload: WorkloadId,
    external: External,
    notify: Arc<Notify>,
) {
    let mut pause = FIRST_PAUSE;
    loop {
        let mut heard = false;
        let ended = listen(&context, &workload, &external, &mut || {
            heard = true;
            notify.notify_one();
        })
        .await;
        if heard {
            pause = FIRST_PAUSE;
        }
        tracing::info!(%workload, address = external.address, "no stream of an external scaler: {ended}");
        sleep(pause.mul_f64(0.9 + 0.2 * fastrand::f64())).await;
        pause = (pause * 2).min(MOST_PAUSE);
    }
}

/// Why the stream has ended.
async fn listen<P: Platform>(
    context: &Context<P>,
    workload: &WorkloadId,
    external: &External,
    active: &mut (dyn FnMut() + Send),
) -> String {
    let opened = async {
        let mut client = client(context, workload, external).await?;
        let stream = client.stream_is_active(object(workload, external)).await;
        stream.map_err(|status| told(&status))
    };
    let mut stream = match timeout(OPENED_WITHIN, opened).await {
        Ok(Ok(stream)) => stream.into_inner(),
        Ok(Err(why)) => return why,
        Err(_) => return format!("no answer within {} s", OPENED_WITHIN.as_secs()),
    };
    loop {
        match stream.message().await {
            Ok(Some(said)) if said.result => active(),
            Ok(Some(_)) => {}
            Ok(None) => return "it has ended".to_owned(),
            Err(status) => return told(&status),
        }
    }
}
