//! The node on a real control plane: its pods are this program's own server, or shells.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cluster;
mod lifecycle;
mod nodes;
mod probes;
mod server;
mod usage;
mod volumes;

use std::future::Future;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};

use cluster::Cluster;

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    if arguments.get(1).is_some_and(|first| first == "serve") {
        return server::main(&arguments[2..]);
    }
    rouse_testbed::namespace::enter().expect("a namespace");
    rustls::crypto::ring::default_provider()
        .install_default()
        .expect("the first");
    let mut options = Arguments::from_args();
    // The node's knobs are everybody's.
    options.test_threads = Some(1);
    let runtime = Arc::new(tokio::runtime::Runtime::new().expect("a runtime"));
    let cluster = Arc::new(if options.list {
        None
    } else {
        Some(runtime.block_on(Cluster::start()))
    });
    let mut trials = Vec::new();
    macro_rules! trial {
        ($($module:ident::$name:ident),* $(,)?) => {$({
            let (runtime, cluster) = (Arc::clone(&runtime), Arc::clone(&cluster));
            trials.push(Trial::test(concat!(stringify!($module), "::", stringify!($name)), move || {
                let cluster = cluster.as_ref().as_ref().expect("started unless listing");
                run(&runtime, $module::$name(cluster));
                Ok(())
            }));
        })*};
    }
    trial!(
        lifecycle::deployment_becomes_ready,
        lifecycle::address_and_running_come_in_one_update,
        lifecycle::crashes_wait_longer_each_time,
        lifecycle::unknown_images_are_told_and_pulled_later,
        lifecycle::deletion_runs_the_hook_and_waits_for_the_process,
        lifecycle::deaf_processes_are_killed_at_the_deadline,
        lifecycle::init_containers_go_first,
        lifecycle::jobs_complete,
        lifecycle::killed_processes_start_again,
        probes::readiness_follows_the_probe,
        probes::late_listeners_wait_for_the_period,
        probes::liveness_restarts,
        probes::commands_run_inside,
        probes::gates_hold_readiness,
        volumes::secrets_and_maps_are_mounted_and_follow,
        volumes::token_opens_the_cluster,
        volumes::impossible_mounts_are_told,
        usage::pods_and_nodes_have_true_usage,
        nodes::small_nodes_leave_pods_unscheduled,
        nodes::silent_nodes_become_not_ready_and_come_back,
    );
    let conclusion = libtest_mimic::run(&options, trials);
    if let Some(cluster) = Arc::into_inner(cluster).flatten() {
        runtime.block_on(cluster.stop());
    }
    conclusion.exit();
}

fn run(runtime: &tokio::runtime::Runtime, test: impl Future<Output = ()>) {
    let limit = std::time::Duration::from_secs(60);
    runtime.block_on(async {
        tokio::time::timeout(limit, test)
            .await
            .expect("within a minute");
    });
}
