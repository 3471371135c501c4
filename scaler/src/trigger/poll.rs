//! Asks each source at its own pace. One task for each, so that a slow one delays no other; not more than so many ask at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rouse_api::workload::{Polled, Source, Trigger, Workload, WorkloadId};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::Context;
use super::push::Pushes;
use crate::controller::Event;
use crate::platform::Platform;

/// Questions under way at once.
const AT_ONCE: usize = 256;

/// The first questions of many triggers are this far apart, up to the interval: no burst at the start.
const APART: Duration = Duration::from_millis(10);

/// Near its threshold a value is asked for so many times as often, but not more often than each second.
const NEAR: u32 = 4;
const LEAST: Duration = Duration::from_secs(1);

/// However often a source says that there is something to do.
const PUSHED_APART: Duration = Duration::from_millis(250);

/// A source that fails is asked less and less often, down to this.
const MOST_PAUSE: Duration = Duration::from_secs(60);

type Key = (WorkloadId, usize);

/// Asks while this scaler leads.
#[derive(Debug)]
pub(crate) struct Poller<P> {
    context: Arc<Context<P>>,
    parallel: Arc<Semaphore>,
    inputs: mpsc::Sender<Event>,
    leads: bool,
    all: BTreeMap<Key, Trigger>,
    tasks: BTreeMap<Key, AbortOnDropHandle<()>>,
}

impl<P: Platform> Poller<P> {
    pub(crate) fn new(context: Context<P>, leads: bool, inputs: mpsc::Sender<Event>) -> Self {
        Self {
            context: Arc::new(context),
            parallel: Arc::new(Semaphore::new(AT_ONCE)),
            inputs,
            leads,
            all: BTreeMap::new(),
            tasks: BTreeMap::new(),
        }
    }

    /// From now on the triggers of these, and no others. Those that stay as they are go on as they were.
    pub(crate) fn set(&mut self, workloads: &[Workload]) {
        let mut all = BTreeMap::new();
        for workload in workloads {
            for trigger in &workload.triggers {
                if matches!(trigger.source, Source::Polled(_)) {
                    let key = (workload.id.clone(), trigger.place);
                    all.insert(key, trigger.clone());
                }
            }
        }
        let old = std::mem::replace(&mut self.all, all);
        let all = &self.all;
        self.tasks
            .retain(|key, _| all.get(key).is_some_and(|new| old.get(key) == Some(new)));
        self.start();
    }

    /// Only the leader asks.
    pub(crate) fn lead(&mut self, leads: bool) {
        self.leads = leads;
        self.tasks.clear();
        self.start();
    }

    fn start(&mut self) {
        if !self.leads {
            return;
        }
        let many = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        for (key, trigger) in &self.all {
            let Source::Polled(polled) = &trigger.source else {
                continue;
            };
            if !self.tasks.contains_key(key) {
                let spread = APART.saturating_mul(many).min(polled.every);
                let task = Task {
                    context: self.context.clone(),
                    parallel: self.parallel.clone(),
                    inputs: self.inputs.clone(),
                    workload: key.0.clone(),
                    trigger: trigger.clone(),
                };
                let first = spread.mul_f64(fastrand::f64());
                let task = tokio::spawn(task.run(polled.clone(), first));
                self.tasks.insert(key.clone(), AbortOnDropHandle::new(task));
            }
        }
    }
}

struct Task<P> {
    context: Arc<Context<P>>,
    parallel: Arc<Semaphore>,
    inputs: mpsc::Sender<Event>,
    workload: WorkloadId,
    trigger: Trigger,
}

impl<P: Platform> Task<P> {
    async fn run(self, polled: Polled, first: Duration) {
        sleep(first).await;
        let pushes = Pushes::of(&self.context, &self.workload, &polled.of);
        let (mut pace, mut pushed) = (Pace::default(), false);
        loop {
            let read = self.read(&polled, pushed).await;
            let pause = pace.next(&polled, read.as_ref().ok().copied());
            let event = Event::Read {
                workload: self.workload.clone(),
                trigger: self.trigger.clone(),
                value: read,
            };
            if self.inputs.send(event).await.is_err() {
                return;
            }
            // Those that were together for once do not stay so.
            let pause = pause.mul_f64(0.9 + 0.2 * fastrand::f64());
            sleep(PUSHED_APART.min(pause)).await;
            pushed = timeout(pause.saturating_sub(PUSHED_APART), pushes.next())
                .await
                .is_ok();
        }
    }

    async fn read(&self, polled: &Polled, pushed: bool) -> Result<f64, String> {
        let Ok(_permit) = self.parallel.acquire().await else {
            return Err("the scaler stops".to_owned());
        };
        let read = self.context.read(&self.workload, polled, pushed);
        match timeout(polled.timeout, read).await {
            Ok(read) => read,
            Err(_) => Err(format!(
                "no answer within {} s",
                polled.timeout.as_secs_f64()
            )),
        }
    }
}

/// How soon a source is asked again.
#[derive(Debug, Default)]
pub(super) struct Pace {
    failed: u32,
    before: Option<f64>,
}

impl Pace {
    /// After this answer; `None`: there was none.
    pub(super) fn next(&mut self, polled: &Polled, value: Option<f64>) -> Duration {
        let every = polled.every;
        let Some(value) = value else {
            self.failed = self.failed.saturating_add(1);
            let factor = 1_u32.checked_shl(self.failed.min(16) - 1).unwrap_or(1);
            return every.saturating_mul(factor).min(MOST_PAUSE.max(every));
        };
        self.failed = 0;
        let moved = self.before.is_some_and(|before| before != value);
        self.before = Some(value);
        // Something is there, and not enough: it may be enough in a moment.
        let near = value > 0.0 && value <= polled.activation;
        match near || moved {
            true => (every / NEAR).max(LEAST).min(every),
            false => every,
        }
    }
}
