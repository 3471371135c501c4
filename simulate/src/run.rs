//! All workloads of a trace under all policies.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::Settings;
use crate::engine::simulate;
use crate::ideal::Ideal;
use crate::outcome::{BINS, Outcome, sum};
use crate::policy::Policy;
use crate::policy::fixed::Fixed;
use crate::policy::hpa::Hpa;
use crate::policy::knative::Knative;
use crate::policy::rouse::Rouse;
use crate::trace::{Request, Trace};

/// Workloads whose accounts are added up before those of others: fixed, so that sums don't depend on the number of threads.
const CHUNK: usize = 4;

/// What a trace is replayed under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicyKind {
    /// This scaler.
    Rouse,
    /// Knative's defaults.
    Knative,
    /// A HorizontalPodAutoscaler on concurrency.
    Hpa,
    /// As many as the peak needs, all the time; at least one.
    AlwaysOn,
    /// The bound: see [`crate::ideal`].
    Clairvoyant,
}

impl PolicyKind {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 5] = [
        Self::Rouse,
        Self::Knative,
        Self::Hpa,
        Self::AlwaysOn,
        Self::Clairvoyant,
    ];

    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rouse => "rouse",
            Self::Knative => "knative",
            Self::Hpa => "hpa",
            Self::AlwaysOn => "always-on",
            Self::Clairvoyant => "clairvoyant",
        }
    }
}

/// What came out for one trace.
#[derive(Debug, Clone, PartialEq)]
pub struct Results {
    /// How many workloads.
    pub workloads: usize,
    /// The trace's length.
    pub length: Duration,
    /// Requests that would be at work were none of them to wait, over time; request-seconds in each of [`BINS`] parts of the length.
    pub demand: Vec<f64>,
    /// In the order of [`PolicyKind::ALL`], sums over all workloads.
    pub policies: Vec<(PolicyKind, Outcome)>,
}

/// Replays a trace under every policy, on all cores.
#[must_use]
pub fn run(trace: &Trace, settings: &Settings) -> Results {
    let chunks = trace.workloads().div_ceil(CHUNK);
    let next = AtomicUsize::new(0);
    let done = Mutex::new(vec![None; chunks]);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    // The moment doesn't matter, for only differences are looked at.
    let base = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads.min(chunks) {
            scope.spawn(|| {
                loop {
                    let chunk = next.fetch_add(1, Ordering::Relaxed);
                    if chunk >= chunks {
                        return;
                    }
                    let results = chunk_of(trace, settings, chunk, base);
                    let mut done = done
                        .lock()
                        .unwrap_or_else(std::sync::PoisonError::into_inner);
                    done[chunk] = Some(results);
                }
            });
        }
    });
    let done = done
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut all = Results::empty(trace);
    for results in done.into_iter().flatten() {
        all.add(&results);
    }
    all
}

fn chunk_of(trace: &Trace, settings: &Settings, chunk: usize, base: Instant) -> Results {
    let mut results = Results::empty(trace);
    let first = chunk * CHUNK;
    for workload in first..(first + CHUNK).min(trace.workloads()) {
        let requests = trace.requests(workload);
        results.add(&one(&requests, settings, trace.length(), base));
    }
    results
}

/// One workload under every policy.
#[must_use]
pub fn one(requests: &[Request], settings: &Settings, length: Duration, base: Instant) -> Results {
    let ideal = Ideal::of(requests, settings);
    let outcome = |kind| {
        let mut policy: Box<dyn Policy> = match kind {
            PolicyKind::Rouse => Box::new(Rouse::new(settings, base)),
            PolicyKind::Knative => Box::new(Knative::new(settings)),
            PolicyKind::Hpa => Box::new(Hpa::new(settings)),
            PolicyKind::AlwaysOn => Box::new(Fixed(ideal.peak().max(1))),
            PolicyKind::Clairvoyant => return ideal.clairvoyant(settings, length),
        };
        simulate(requests, &ideal, settings, length, &mut *policy)
    };
    Results {
        workloads: 1,
        length,
        demand: ideal.demand(length),
        policies: PolicyKind::ALL.map(|kind| (kind, outcome(kind))).into(),
    }
}

impl Results {
    fn empty(trace: &Trace) -> Self {
        Self {
            workloads: 0,
            length: trace.length(),
            demand: vec![0.0; BINS],
            policies: PolicyKind::ALL
                .map(|kind| (kind, Outcome::default()))
                .into(),
        }
    }

    fn add(&mut self, other: &Self) {
        self.workloads += other.workloads;
        sum(&mut self.demand, &other.demand);
        for ((_, into), (_, from)) in self.policies.iter_mut().zip(&other.policies) {
            into.add(from);
        }
    }

    /// One policy's account.
    #[must_use]
    pub fn of(&self, kind: PolicyKind) -> Option<&Outcome> {
        self.policies
            .iter()
            .find(|(one, _)| *one == kind)
            .map(|(_, outcome)| outcome)
    }
}
