//! The loop around the election, against a store in memory and with paused time.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::election::{Claim, Record};
use super::*;

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    lease: Option<Record>,
    version: u64,
    /// Requests get no answer.
    hangs: bool,
}

impl Memory {
    fn holder(&self) -> Option<String> {
        self.0.lock().lease.clone().and_then(|lease| lease.holder)
    }

    async fn answer(&self) {
        let hangs = self.0.lock().hangs;
        if hangs {
            pending::<()>().await;
        }
        sleep(Duration::from_millis(5)).await;
    }
}

impl Store for Memory {
    async fn get(&self) -> Answer {
        self.answer().await;
        let lease = self.0.lock().lease.clone();
        lease.map_or(Answer::Missing, Answer::Found)
    }

    async fn write(&self, claim: &Claim) -> Answer {
        self.answer().await;
        let mut state = self.0.lock();
        if state.lease.as_ref().map(|lease| &lease.version) != claim.version.as_ref() {
            return Answer::Conflict;
        }
        state.version += 1;
        let record = Record {
            version: state.version.to_string(),
            holder: claim.holder.clone(),
            term: claim.term,
            lasts: claim.lasts,
        };
        state.lease = Some(record.clone());
        Answer::Found(record)
    }
}

struct Candidate {
    term: watch::Receiver<Option<Term>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Candidate {
    fn start(memory: &Memory, identity: &'static str) -> Self {
        let (publish, term) = watch::channel(None);
        let stop = CancellationToken::new();
        let (memory, token) = (memory.clone(), stop.clone());
        let task = tokio::spawn(async move {
            let told = Told {
                publish,
                reign: Reign::default(),
            };
            campaign(
                &memory,
                identity,
                Timing::default(),
                &watch::channel(0).1,
                &token,
                &told,
            )
            .await;
            told.end();
            release(&memory, identity).await;
        });
        Self { term, stop, task }
    }

    fn leads(&self) -> Option<Term> {
        *self.term.borrow()
    }
}

#[tokio::test(start_paused = true)]
async fn one_of_two_leads_and_the_other_follows_at_once_after_a_clean_stop() {
    let memory = Memory::default();
    let a = Candidate::start(&memory, "a");
    sleep(Duration::from_millis(100)).await;
    let b = Candidate::start(&memory, "b");
    sleep(Duration::from_secs(20)).await;
    assert_eq!((a.leads(), b.leads()), (Some(1), None));
    a.stop.cancel();
    a.task.await.unwrap();
    assert_eq!(memory.holder(), None);
    sleep(Duration::from_millis(650)).await;
    assert_eq!(b.leads(), Some(2));
    released(a.term).await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_is_followed_by_another_in_5_s() {
    let memory = Memory::default();
    let a = Candidate::start(&memory, "a");
    sleep(Duration::from_millis(100)).await;
    let b = Candidate::start(&memory, "b");
    sleep(Duration::from_secs(20)).await;
    a.task.abort();
    sleep(Duration::from_secs(5)).await;
    assert_eq!(b.leads(), Some(2));
}

#[tokio::test(start_paused = true)]
async fn without_answers_it_steps_down_in_3_s_and_leads_again_in_a_later_term() {
    let memory = Memory::default();
    let a = Candidate::start(&memory, "a");
    sleep(Duration::from_secs(10)).await;
    assert_eq!(a.leads(), Some(1));
    memory.0.lock().hangs = true;
    sleep(Duration::from_millis(3_010)).await;
    assert_eq!(a.leads(), None);
    memory.0.lock().hangs = false;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(a.leads(), Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_stop_during_a_hanging_request_is_heard() {
    let memory = Memory::default();
    let a = Candidate::start(&memory, "a");
    sleep(Duration::from_secs(2)).await;
    memory.0.lock().hangs = true;
    sleep(Duration::from_millis(1_500)).await;
    a.stop.cancel();
    sleep(Duration::from_millis(10)).await;
    assert_eq!(a.leads(), None);
    a.task.abort();
}

#[tokio::test(start_paused = true)]
async fn only_the_own_lease_is_given_back() {
    let memory = Memory::default();
    let _a = Candidate::start(&memory, "a");
    sleep(Duration::from_millis(100)).await;
    let b = Candidate::start(&memory, "b");
    sleep(Duration::from_secs(1)).await;
    b.stop.cancel();
    b.task.await.unwrap();
    assert_eq!(memory.holder().as_deref(), Some("a"));
}
