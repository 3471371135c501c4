use std::path::PathBuf;
use std::sync::Arc;

use prometheus_client::registry::Registry;
use rouse_api::workload::Workload;

use crate::admin::{Admin, Answers};
use crate::cli::ServeArgs;
use crate::error::Error;
use crate::files::{self, Contents, Reloads, Watcher};
use crate::gateway::Gateway;
use crate::signals::Signals;

/// `rouse serve`: until a signal.
pub(crate) fn run(args: &ServeArgs) -> Result<(), Error> {
    args.log.start();
    let contents = files::read(&args.files);
    let workloads = files::load(&contents)?;
    let runtime = crate::runtime(args.data.threads())?;
    let served = runtime.block_on(Box::pin(serve(args, contents, workloads)));
    // What still runs ends with the process.
    runtime.shutdown_background();
    served
}

async fn serve(
    args: &ServeArgs,
    contents: Contents,
    workloads: Vec<Workload>,
) -> Result<(), Error> {
    let mut signals = Signals::new()?;
    let mut registry = Registry::default();
    let reloads = Reloads::register(&mut registry);
    let admin = Admin::bind(args.admin.address).await?;
    let count = workloads.len();
    let gateway =
        Gateway::start(args.data.proxy(), args.scaler(), workloads, &mut registry).await?;
    let gateway = Arc::new(gateway);
    announce(&gateway, &admin, count);
    let admin = tokio::spawn(admin.serve(Answers::new(gateway.clone(), registry)));
    let signal = tokio::select! {
        signal = signals.next() => signal,
        never = follow(args.files.clone(), contents, reloads, &gateway) => match never {},
    };
    tracing::info!("{signal}: finishing what is in flight; a second signal ends at once");
    let stopped = stop(&gateway, &mut signals).await;
    // To the end it says that we are not ready.
    admin.abort();
    stopped
}

fn announce(gateway: &Gateway, admin: &Admin, workloads: usize) {
    for address in gateway.addresses() {
        tracing::info!(workloads, "proxy listening on http://{address}");
    }
    tracing::info!("admin listening on http://{}", admin.address());
    if workloads == 0 {
        tracing::warn!("the files have no workloads: every request gets a 404 until they have");
    }
}

async fn follow(
    files: Vec<PathBuf>,
    contents: Contents,
    reloads: Reloads,
    gateway: &Gateway,
) -> std::convert::Infallible {
    let watcher = Watcher::new(files, contents);
    files::reload(watcher, reloads, async |workloads| {
        gateway.apply(workloads).await;
    })
    .await
}

/// Stops in good order, unless there is another signal.
pub(crate) async fn stop(gateway: &Gateway, signals: &mut Signals) -> Result<(), Error> {
    tokio::select! {
        () = gateway.stop() => Ok(()),
        signal = signals.next() => {
            gateway.abort();
            Err(Error::Failed(format!("rouse: ended at once by a second signal ({signal})")))
        }
    }
}
