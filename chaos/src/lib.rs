//! A deterministic simulation of proxies, scalers, the links between them and an API server, with faults.
//!
//! What is real: a proxy's workloads and the tasks of its link (`rouse_proxy`), the link's choice of one scaler among many, its outbox
//! and its messages on the wire (`rouse_link`), the scaler's controller and outboxes (`rouse_scaler`), elections and changes of counts
//! (`rouse_kubernetes`). What is simulated: clocks, the network, processes that crash, restart and stand still, the API server with
//! its pods and watches, clients, replicas.
//!
//! One thread, no real time, one seeded source of chance: the same seed is the same run, event by event. [`run`] returns a hash of it.

mod api;
mod bug;
mod check;
mod client;
mod fault;
mod net;
mod plan;
mod pods;
mod proxy;
mod replica;
mod scale;
mod scaler;
mod time;
mod trace;
mod world;

pub use bug::Bug;
pub use trace::Outcome;

/// How one run goes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Everything that chance decides.
    pub seed: u64,
    /// A mistake that is made on purpose: the checks must find it.
    pub bug: Option<Bug>,
    /// Keep what happens as text, to be read.
    pub trace: bool,
}

/// Simulates once.
///
/// # Panics
/// When the real code panics, or there can be no tokio runtime.
#[must_use]
#[expect(clippy::expect_used, reason = "it is for tests only")]
pub fn run(options: Options) -> Outcome {
    // A thread of its own: what runs before leave in thread-locals must not be seen.
    std::thread::scope(|scope| scope.spawn(|| simulate(options)).join()).expect("no panic")
}

#[expect(clippy::expect_used, reason = "it is for tests only")]
fn simulate(options: Options) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    // What the real code decides by chance.
    fastrand::seed(options.seed);
    // Made inside of it too: outside, now is the machine's.
    runtime.block_on(async { world::World::new(options).run().await })
}
