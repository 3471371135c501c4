//! Rouse in a cluster: a real control plane, our node, and everything as real processes in a network of their own.
//!
//! Cases get a namespace each and run side by side; those that break Rouse or the control plane run alone, after the others.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod apply;
mod cluster;
mod failures;
mod faults;
mod kinds;
mod objects;
mod ownership;
mod pods;
mod points;
mod rights;
mod space;
#[path = "../support/mod.rs"]
mod support;
mod wake;

use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Runtime;

use cluster::Cluster;

/// One case; it gets the cluster and says nothing when all is well.
pub(crate) type Case = for<'a> fn(&'a Cluster) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Ends a case that hangs.
const CASE: Duration = Duration::from_secs(180);

/// `cases![a, b]`: functions of the module by their names.
#[macro_export]
macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        &[$((concat!(module_path!(), "::", stringify!($name)), |cluster| Box::pin($name(cluster)))),*]
    };
}

pub(crate) type Cases = &'static [(&'static str, Case)];

fn main() -> ExitCode {
    if let Err(error) = rouse_testbed::namespace::enter() {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    let arguments = Arguments::from_args();
    let side_by_side = [
        wake::CASES,
        objects::CASES,
        failures::CASES,
        kinds::CASES,
        ownership::CASES,
        pods::CASES,
        rights::CASES,
    ];
    let alone = [points::CASES, faults::CASES];
    if arguments.list {
        let all = side_by_side
            .iter()
            .chain(&alone)
            .flat_map(|cases| cases.iter());
        let trials = all.map(|(name, _)| Trial::test(*name, || Ok(()))).collect();
        return libtest_mimic::run(&arguments, trials).exit_code();
    }
    let runtime = Arc::new(
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap(),
    );
    let cluster = Arc::new(runtime.block_on(Cluster::start()));
    let first = libtest_mimic::run(&arguments, trials(&side_by_side, &runtime, &cluster));
    // Who is killed must not wait for long.
    cluster.testbed.node().knobs().set_backoff_factor(0.02);
    let one_by_one = Arguments {
        test_threads: Some(1),
        ..arguments
    };
    let second = libtest_mimic::run(&one_by_one, trials(&alone, &runtime, &cluster));
    if first.has_failed() || second.has_failed() {
        eprintln!("{}", runtime.block_on(cluster.logs()));
    }
    if let Some(cluster) = Arc::into_inner(cluster) {
        runtime.block_on(cluster.stop());
    }
    if first.has_failed() {
        first.exit_code()
    } else {
        second.exit_code()
    }
}

fn trials(groups: &[Cases], runtime: &Arc<Runtime>, cluster: &Arc<Cluster>) -> Vec<Trial> {
    let all = groups.iter().flat_map(|cases| cases.iter());
    all.map(|(name, case)| {
        let (runtime, cluster) = (runtime.clone(), cluster.clone());
        let name = name.strip_prefix("kubernetes::").unwrap_or(name);
        Trial::test(name, move || {
            runtime
                .block_on(async { tokio::time::timeout(CASE, case(&cluster)).await })
                .map_err(|_| Failed::from(format!("not done within {CASE:?}")))
        })
    })
    .collect()
}
