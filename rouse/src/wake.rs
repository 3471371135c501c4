//! `rouse wake`: wakes workloads of a cluster by hand, with the rights of who asks.

use std::fmt::Write as _;
use std::io::Write;
use std::time::Duration;

use futures_util::StreamExt;
use rouse_api::workload::{Scalable, WorkloadId};
use rouse_kubernetes::by_hand::ByHand;
use tokio::time::{Instant, sleep};

use crate::cli::WakeArgs;
use crate::error::Error;

/// Woken at once.
const AT_ONCE: usize = 16;

/// Between two looks at one of them.
const LOOK: Duration = Duration::from_millis(200);

/// One line for each, as it is done; fails when one of them could not be woken.
pub(crate) fn run(args: &WakeArgs) -> Result<(), Error> {
    // Fails only when there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    crate::runtime(1)?.block_on(wake(args))
}

async fn wake(args: &WakeArgs) -> Result<(), Error> {
    let failed = |why: String| Error::Failed(format!("rouse: {why}"));
    let client = rouse_kubernetes::client::infer().await;
    let by_hand = ByHand::new(client.map_err(|error| failed(error.to_string()))?);
    let named = if args.all {
        let all = by_hand.list(args.namespace.as_deref(), args.class.as_deref());
        let all = all.await;
        all.map_err(|why| failed(format!("the ScaledWorkloads can't be listed: {why}")))?
    } else {
        let mut named = Vec::new();
        for id in &args.workloads {
            named.push(match by_hand.get(id).await {
                Ok(named) => named,
                Err(why) => (id.clone(), Err(why)),
            });
        }
        named
    };
    let total = named.len();
    let each = named.into_iter().map(|(id, what)| {
        let by_hand = &by_hand;
        async move {
            let done = match what {
                Ok((target, replicas)) => one(by_hand, &id, &target, replicas, args).await,
                Err(why) => Err(why),
            };
            (id, done)
        }
    });
    let mut done = futures_util::stream::iter(each).buffer_unordered(AT_ONCE);
    let (mut failures, mut few) = (0, String::new());
    while let Some((id, done)) = done.next().await {
        match done {
            // A closed standard output is no reason to stop.
            Ok(told) => _ = writeln!(std::io::stdout(), "{id}: {told}"),
            Err(why) => {
                failures += 1;
                _ = writeln!(few, "{id}: {why}");
            }
        }
    }
    if failures == 0 {
        return Ok(());
    }
    Err(Error::Failed(format!(
        "{few}rouse: {failures} of {total} not woken"
    )))
}

async fn one(
    by_hand: &ByHand,
    id: &WorkloadId,
    target: &Scalable,
    replicas: u32,
    args: &WakeArgs,
) -> Result<String, String> {
    // First: or a scaler could put it to sleep again in between.
    if args.stay {
        by_hand.pause(id).await?;
    }
    by_hand.wake(id, target, replicas).await?;
    if args.timeout.is_zero() {
        return Ok("woken".to_owned());
    }
    let begun = Instant::now();
    loop {
        let why = match by_hand.is_ready(id, target).await {
            Ok(true) => return Ok("awake".to_owned()),
            Ok(false) => "no replica is ready".to_owned(),
            Err(why) => why,
        };
        if begun.elapsed() >= args.timeout {
            let waited = args.timeout.as_secs_f64();
            return Err(format!("woken, but after {waited} s {why}"));
        }
        sleep(LOOK).await;
    }
}
