//! Rouse in a cluster: a real control plane, our node, and everything as real processes in a network of their own.
//!
//! Cases get a namespace each and run side by side; those that break Rouse or the control plane run alone, after the others.
//!
//! What the tests of comparable projects cover, and what covers it here.
//!
//! KEDA's HTTP add-on:
//!
//! | theirs | here |
//! |---|---|
//! | ColdStart: GET, POST body, back to 0 | `wake::a_get_wakes_it_...`, `wake::a_body_waits_with_its_request` |
//! | ColdStartFallback | `edge::a_fallback_answers_cold_starts` |
//! | Placeholder | `edge::a_placeholder_is_shown_until_it_answers`; in a browser: `e2e_page` |
//! | PlaceholderWithFallback | none: it is one of the two |
//! | StaticRoute | `edge::rules_answer_and_let_sleep` |
//! | Scaling by rate, ConcurrencyScaling | `scaling::the_rate_of_requests_scales_it`, `scaling::up_down_and_up_again`, `wake::many_held_wake_...` |
//! | ConcurrentRouting | `wake::load_on_one_leaves_its_neighbour_asleep` |
//! | HostRouting, MultipleHosts, WildcardHost | `routing::hosts_exact_ones_before_wildcards`, `routing::several_routes_to_one_workload` |
//! | PathRouting, Combined, MultipleRulesToSameBackend | `routing::paths_...`, `routing::several_routes_to_one_workload` |
//! | HeaderRouting, HeaderPresence | `routing::headers_by_value_by_presence_and_without` |
//! | PortName | `upstream::a_port_by_name_is_followed` |
//! | RouteUpdate, RouteDeletion | `objects::routes_come_change_and_go_live` |
//! | ResponseHeaderTimeout, ReadinessTimeout | `upstream::an_answer_that_does_not_begin_...`, `upstream::a_pod_that_never_gets_ready_...` |
//! | RequestTimeout | none: there is no limit on a whole request's time |
//! | WebSocket, GRPC unary and both ways | `wake::http2_grpc_and_websockets_wake_it`, `upstream::grpc_both_ways_from_zero` |
//! | GracefulShutdown of a proxy | `faults::a_clean_restart_of_proxies_loses_nothing` |
//! | InvalidRouteRejected | `objects::the_definition_refuses_contradictions`, `fixtures::bad_objects_...`, `objects::a_bad_object_...` |
//! | PrometheusMetrics | `upstream::what_happens_is_counted` |
//! | OtelTracing, TLSTermination, GRPCOverTLS | none: no traces and no TLS towards clients in this version |
//!
//! Knative Serving's activator and autoscaler:
//!
//! | theirs | here |
//! |---|---|
//! | UpDownUp, UpCountPods, RPS | `scaling::up_down_and_up_again`, `scaling::the_rate_of_requests_scales_it` |
//! | Sustaining for two minutes | none: windows of minutes are arithmetic, tested without a clock in `scaler/src/decide` |
//! | TargetBurstCapacity | none: the proxy never leaves the path |
//! | FastScaleToZero | `wake::a_get_wakes_it_...` (`idleAfter: 1s`) |
//! | ActivationScale, MinScale | `scaling::a_wake_begins_with_...`, `scaling::the_least_stays_when_nobody_asks` |
//! | InitialScale | `triggers::a_new_workload_begins_with_...`, `triggers::a_restart_of_scalers_...` |
//! | ActivatorOverload, SingleConcurrency | `permits::a_hundred_at_once_...`, `permits::one_at_a_time_over_four_proxies_...` |
//! | DestroyPodInflight | `pods::a_deleted_pod_finishes_what_it_has` |
//! | RevisionTimeout: start, idle | `upstream::an_answer_that_does_not_begin_...`; idle in `rouse-proxy`'s tests |
//! | WebSocket, GRPC, also via the activator | the proxy is always in the path: as above |
//! | activator killed, gracefully and not | `faults::a_clean_restart_of_proxies_...`, `faults::a_killed_proxy_...`, `points` |
//! | autoscaler's leader killed | `faults::the_leader_killed_...`, `faults::a_scaler_killed_in_a_wake_...`, `points` |
//! | pods deleted four times | `scaling::pods_deleted_again_and_again_lose_nothing` |

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod apply;
#[path = "../../../proxy/tests/edge/authority.rs"]
mod authority;
mod by_hand;
mod certificates;
mod classes;
mod cluster;
mod convert;
mod edge;
mod examples;
mod failures;
mod faults;
mod fixtures;
mod fronts;
mod keda;
mod kinds;
mod load;
mod mesh;
#[path = "../../../scaler/tests/common/moto.rs"]
mod moto;
mod named;
mod objects;
mod ownership;
mod permits;
mod pods;
mod points;
mod prometheus;
mod readiness;
mod rights;
mod routing;
mod scaling;
mod second;
mod space;
#[path = "../support/mod.rs"]
mod support;
mod told;
mod triggers;
mod upgrade;
mod upstream;
mod verify;
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
        readiness::CASES,
        routing::CASES,
        edge::CASES,
        upstream::CASES,
        scaling::CASES,
        objects::CASES,
        fixtures::CASES,
        failures::CASES,
        kinds::CASES,
        ownership::CASES,
        pods::CASES,
        rights::CASES,
        told::CASES,
        by_hand::CASES,
        verify::CASES,
        triggers::CASES,
        examples::CASES,
        fronts::CASES,
        fronts::mistakes::CASES,
        convert::CASES,
    ];
    let alone = [
        named::CASES,
        classes::CASES,
        mesh::CASES,
        keda::CASES,
        points::CASES,
        permits::CASES,
        triggers::ALONE,
        faults::CASES,
        upgrade::CASES,
        fronts::ALONE,
        fronts::mistakes::ALONE,
        certificates::CASES,
    ];
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
