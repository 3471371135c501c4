//! What a run is made of, drawn from its seed.

use std::num::NonZeroU32;
use std::time::Duration;

use fastrand::Rng;
use rouse_api::workload::{
    Behavior, Hold, Http, Scalable, Scale, Service, Target, Workload, WorkloadId,
};

use crate::time::{MS, Nanos, SECOND};

/// Until then faults begin; then all of them end.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) proxies: usize,
    pub(crate) scalers: usize,
    pub(crate) workloads: Vec<Workload>,
    pub(crate) report: Duration,
    /// Of a message, without a fault: from and to.
    pub(crate) delay: (Nanos, Nanos),
    /// Messages under way at once in one direction of a connection, before the sender's outbox fills.
    pub(crate) window: usize,
    /// Faults end then.
    pub(crate) heal: Nanos,
    /// Requests end then.
    pub(crate) rest: Nanos,
    /// Everything is looked at then.
    pub(crate) end: Nanos,
    /// Between two faults, at most.
    pub(crate) calm: Nanos,
    /// Between two bursts of requests, at most.
    pub(crate) gap: Nanos,
    /// Of a request, at most.
    pub(crate) service: Nanos,
    /// Parts of a million that clocks run wrong, at most.
    pub(crate) skew: i64,
    pub(crate) faults: Faults,
}

/// Kinds that occur.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is drawn by itself")]
pub(crate) struct Faults {
    pub(crate) resets: bool,
    pub(crate) partitions: bool,
    pub(crate) crashes: bool,
    pub(crate) pauses: bool,
    pub(crate) api: bool,
    pub(crate) pods: bool,
    pub(crate) leaves: bool,
}

impl Plan {
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        let least = rng.u64(50_000..5 * MS);
        let heal = rng.u64(8..25) * SECOND;
        let rest = heal + 6 * SECOND;
        let workloads = usize::from(rng.u8(0..4) == 0) + 1;
        let workloads: Vec<Workload> = (0..workloads).map(|no| workload(no, rng)).collect();
        let limit = |one: &Workload| {
            one.http
                .as_ref()
                .is_some_and(|http| http.concurrency_limit.is_some())
        };
        // What one replica with a limit of one can do.
        let (gap, service) = match workloads.iter().any(limit) {
            true => (rng.u64(2..6) * SECOND, 300 * MS),
            false => (
                rng.u64(200 * MS..6 * SECOND),
                [20 * MS, 300 * MS, 3 * SECOND][rng.usize(0..3)],
            ),
        };
        Self {
            proxies: rng.usize(1..=3),
            scalers: rng.usize(1..=3),
            workloads,
            report: Duration::from_millis([250, 500, 1000][rng.usize(0..3)]),
            delay: (least, least + rng.u64(1..30 * MS)),
            window: [1, 2, 8, 64][rng.usize(0..4)],
            heal,
            rest,
            end: rest + 40 * SECOND,
            calm: rng.u64(300 * MS..4 * SECOND),
            gap,
            service,
            skew: [0, 1_000, 20_000][rng.usize(0..3)],
            faults: Faults {
                resets: rng.bool(),
                partitions: rng.bool(),
                crashes: rng.bool(),
                pauses: rng.bool(),
                api: rng.bool(),
                pods: rng.bool(),
                leaves: rng.bool(),
            },
        }
    }
}

fn workload(no: usize, rng: &mut Rng) -> Workload {
    let name = format!("w{no}");
    let hold = Hold {
        timeout: Duration::from_mins(10),
        max_requests: 1_000,
        ..Hold::default()
    };
    Workload {
        id: WorkloadId::new("default", &name),
        scale: Scale {
            max: rng.u32(1..=3),
            idle_after: Duration::from_millis(rng.u64(300..4_000)),
            behavior: Behavior {
                stable_window: Duration::from_secs(6),
                panic_window: Duration::from_secs(1),
                ..Behavior::default()
            },
            ..Scale::default()
        },
        http: Some(Http {
            concurrency_per_replica: Some(f64::from(rng.u8(1..=5))),
            service: Some(Service {
                name: name.clone(),
                port: None,
            }),
            hold,
            concurrency_limit: NonZeroU32::new(rng.u32(0..3)),
            ..Http::new(Vec::new())
        }),
        target: Target::Scalable(Scalable {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            name,
        }),
        rank: 0,
        triggers: Vec::new(),
        wakes: Vec::new(),
    }
}
