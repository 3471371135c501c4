//! Clients that ask all the time and remember every answer that was not right.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::support::{DEADLINE, get, once, until};

/// Some clients, each with one request at a time on a connection of its own.
pub(crate) struct Load {
    clients: JoinSet<(u64, Vec<String>)>,
    goal: watch::Sender<SocketAddr>,
    stop: CancellationToken,
    answered: Arc<std::sync::atomic::AtomicU64>,
}

impl Load {
    /// `pauses`: one client each, which waits so long between two requests.
    pub(crate) fn start(goal: SocketAddr, host: &str, pauses: &[u64]) -> Self {
        let (goal, _) = watch::channel(goal);
        let stop = CancellationToken::new();
        let answered = Arc::default();
        let mut clients = JoinSet::new();
        for pause in pauses {
            let client = ask(
                goal.subscribe(),
                host.to_owned(),
                Duration::from_millis(*pause),
                stop.clone(),
                Arc::clone(&answered),
            );
            clients.spawn(client);
        }
        Self {
            clients,
            goal,
            stop,
            answered,
        }
    }

    /// From the next request on they ask there.
    pub(crate) fn redirect(&self, goal: SocketAddr) {
        self.goal.send_replace(goal);
    }

    /// So many more have been answered.
    pub(crate) async fn goes_on(&self, more: u64) {
        let load = || self.answered.load(std::sync::atomic::Ordering::Relaxed);
        let before = load();
        until("requests go on being answered", async || {
            load() >= before + more
        })
        .await;
    }

    /// No request but was answered 200.
    pub(crate) async fn lost_nothing(self) {
        self.stop.cancel();
        let ended = timeout(DEADLINE * 2, self.clients.join_all()).await;
        let (mut asked, mut wrong) = (0, Vec::new());
        for (count, mine) in ended.expect("clients end") {
            asked += count;
            wrong.extend(mine);
        }
        assert!(asked > 5, "{asked}");
        assert!(
            wrong.is_empty(),
            "{} of {asked}: {:#?}",
            wrong.len(),
            &wrong[..wrong.len().min(10)]
        );
    }
}

async fn ask(
    goal: watch::Receiver<SocketAddr>,
    host: String,
    pause: Duration,
    stop: CancellationToken,
    answered: Arc<std::sync::atomic::AtomicU64>,
) -> (u64, Vec<String>) {
    let (mut asked, mut wrong) = (0, Vec::new());
    while !stop.is_cancelled() {
        asked += 1;
        let to = *goal.borrow();
        match once(to, get(&host, "/")).await {
            Ok(answer) if answer.status == 200 => {}
            Ok(answer) => wrong.push(format!("{to}: {} {}", answer.status, answer.text())),
            Err(error) => wrong.push(format!("{to}: {error}")),
        }
        answered.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        tokio::select! {
            () = sleep(pause) => {}
            () = stop.cancelled() => {}
        }
    }
    (asked, wrong)
}
