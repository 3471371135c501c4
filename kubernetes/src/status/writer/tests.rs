use std::sync::Arc;

use parking_lot::Mutex;
use rouse_scaler::WorkloadStatus;
use rouse_scaler::platform::Count;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::facts::{FactSource, Facts};
use crate::status;

/// An API server: objects with a count each, and what was written when.
#[derive(Clone, Default)]
struct World(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    objects: BTreeMap<WorkloadId, (u32, serde_json::Value)>,
    writes: Vec<(Instant, WorkloadId)>,
    under_way: usize,
    most: usize,
    answers: Vec<Outcome>,
}

impl FactSource for World {
    fn facts(&self, id: &WorkloadId) -> Option<Facts> {
        let state = self.0.lock();
        let (replicas, recorded) = state.objects.get(id)?;
        Some(Facts {
            origin: crate::origin::Origin::ScaledWorkload,
            id: id.clone(),
            uid: "u".to_owned(),
            generation: 1,
            resource_version: "1".to_owned(),
            deleted: false,
            target: "apps/v1 Deployment hello".to_owned(),
            min: 0,
            max: 1,
            observes: false,
            verifies: false,
            problems: Vec::new(),
            conflicts: Vec::new(),
            ungranted: Vec::new(),
            wakes: None,
            blocked: None,
            failure: None,
            progress: None,
            fallback: None,
            front: None,
            count: Some(Count {
                version: 1,
                replicas: *replicas,
            }),
            ready: *replicas,
            governed: None,
            recorded: recorded.clone(),
        })
    }
}

struct Nothing;

impl Scaled for Nothing {
    async fn status(&self, _: &WorkloadId) -> Option<WorkloadStatus> {
        None
    }
}

impl Sink for World {
    async fn write(
        &self,
        id: &WorkloadId,
        _: &str,
        _: &crate::origin::Origin,
        status: &Status,
    ) -> Outcome {
        {
            let mut state = self.0.lock();
            state.writes.push((Instant::now(), id.clone()));
            state.under_way += 1;
            state.most = state.most.max(state.under_way);
        }
        sleep(Duration::from_millis(300)).await;
        let mut state = self.0.lock();
        state.under_way -= 1;
        let outcome = state.answers.pop().unwrap_or(Outcome::Written);
        if let (Outcome::Written, Some(object)) = (&outcome, state.objects.get_mut(id)) {
            object.1 = json!(status);
        }
        outcome
    }
}

struct Running {
    world: World,
    objects: Objects,
    lead: watch::Sender<Option<u32>>,
    start: Instant,
    _stop: tokio_util::sync::DropGuard,
}

impl Running {
    fn new(objects: usize) -> Self {
        let world = World::default();
        let changes = Objects::new(Arc::new(world.clone()));
        for index in 0..objects {
            let id = WorkloadId::new("default", &index.to_string());
            let object = (0, serde_json::Value::Null);
            world.0.lock().objects.insert(id.clone(), object);
            changes.touch(id);
        }
        let (lead, leads) = watch::channel(None);
        let stop = CancellationToken::new();
        let run = status::run(
            changes.clone(),
            Nothing,
            world.clone(),
            Limits::default(),
            leads,
            stop.clone(),
        );
        tokio::spawn(run);
        Self {
            world,
            objects: changes,
            lead,
            start: Instant::now(),
            _stop: stop.drop_guard(),
        }
    }

    fn set(&self, index: usize, replicas: u32) {
        let id = WorkloadId::new("default", &index.to_string());
        let mut state = self.world.0.lock();
        state.objects.get_mut(&id).unwrap().0 = replicas;
        drop(state);
        self.objects.touch(id);
    }

    /// When each write began, in milliseconds.
    fn writes(&self) -> Vec<u128> {
        let state = self.world.0.lock();
        let times = state.writes.iter();
        times
            .map(|(at, _)| (*at - self.start).as_millis())
            .collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_objects_are_written_at_a_bounded_rate_and_each_once() {
    let run = Running::new(1_000);
    run.lead.send_replace(Some(1));
    sleep(Duration::from_secs(5)).await;
    let (early, most) = (run.writes().len(), run.world.0.lock().most);
    assert!(early <= 251, "{early}");
    assert!((1..=8).contains(&most), "{most}");
    sleep(Duration::from_secs(60)).await;
    assert_eq!(run.writes().len(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn what_did_not_change_is_not_written_again() {
    let run = Running::new(1);
    run.lead.send_replace(Some(1));
    for _ in 0..20 {
        sleep(Duration::from_secs(1)).await;
        run.set(0, 0);
    }
    assert_eq!(run.writes().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_object_is_written_once_per_second_with_what_is_newest() {
    let run = Running::new(1);
    run.lead.send_replace(Some(1));
    sleep(Duration::from_millis(1_500)).await;
    for count in 1..=20 {
        run.set(0, count);
        sleep(Duration::from_millis(100)).await;
    }
    sleep(Duration::from_secs(5)).await;
    let writes = run.writes();
    assert!(
        writes.windows(2).all(|pair| pair[1] - pair[0] >= 1_000),
        "{writes:?}"
    );
    let state = run.world.0.lock();
    assert_eq!(
        state.objects.values().next().unwrap().1["readyReplicas"],
        20
    );
}

#[tokio::test(start_paused = true)]
async fn only_the_leader_writes_and_a_new_one_takes_up_what_was_left() {
    let run = Running::new(3);
    sleep(Duration::from_secs(10)).await;
    assert!(run.writes().is_empty());
    run.lead.send_replace(Some(1));
    sleep(Duration::from_millis(100)).await;
    run.lead.send_replace(None);
    sleep(Duration::from_secs(10)).await;
    assert_eq!(run.writes().len(), 3, "under way, and cut off");
    run.lead.send_replace(Some(2));
    sleep(Duration::from_secs(10)).await;
    assert_eq!(run.writes().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn pushback_stops_all_and_failures_are_tried_again() {
    let run = Running::new(2);
    run.world.0.lock().answers = vec![
        Outcome::Written,
        Outcome::Written,
        Outcome::Failed("500".to_owned()),
        Outcome::Throttled(Duration::from_secs(30)),
    ];
    run.lead.send_replace(Some(1));
    sleep(Duration::from_secs(120)).await;
    let writes = run.writes();
    assert_eq!(writes.len(), 4, "{writes:?}");
    assert!(writes[2] >= 30_000, "{writes:?}");
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_gone_is_left_alone() {
    let run = Running::new(1);
    run.world.0.lock().answers = vec![Outcome::Gone];
    run.lead.send_replace(Some(1));
    sleep(Duration::from_secs(30)).await;
    assert_eq!(run.writes().len(), 1);
}
