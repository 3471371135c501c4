//! `concurrency.limit` over several proxies, by the samples' own ledger. Alone, for it changes how many proxies there are.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::cluster::{Cluster, Member, NAMESPACE};
use crate::space::{App, Space};
use crate::support::{DEADLINE, With, get, once, until};
use crate::{Cases, cases};

pub(crate) const CASES: Cases = cases![
    one_at_a_time_over_four_proxies_while_pods_come_and_go,
    a_killed_proxys_permits_are_there_for_the_others,
    a_hundred_at_once_with_room_for_ten,
];

/// So many proxies, each linked to both scalers.
async fn proxies(cluster: &Cluster, count: usize) -> Vec<Member> {
    let deployments: kube::Api<k8s_openapi::api::apps::v1::Deployment> =
        kube::Api::namespaced(cluster.client.clone(), NAMESPACE);
    let patch = kube::api::Patch::Merge(json!({"spec": {"replicas": count}}));
    deployments
        .patch_scale("rouse-proxy", &kube::api::PatchParams::default(), &patch)
        .await
        .unwrap();
    linked(cluster, count).await
}

async fn linked(cluster: &Cluster, count: usize) -> Vec<Member> {
    until(&format!("{count} proxies are linked"), async || {
        let scalers = cluster.scalers().await;
        let mut all = scalers.len() == 2 && cluster.proxies().await.len() == count;
        for scaler in scalers {
            let sessions = &scaler.status().await["scaler"]["sessions"];
            all &= sessions.as_u64() == Some(count as u64);
        }
        all
    })
    .await;
    cluster.proxies().await
}

fn door(proxy: &Member) -> SocketAddr {
    SocketAddr::new(proxy.address, 8080)
}

/// `clients` for each door, each asking again and again until told to end; ids are `NAME-door-client-n`. Returns the ids.
async fn crowd(
    space: &Space<'_>,
    name: &str,
    doors: &[SocketAddr],
    clients: usize,
    end: &AtomicBool,
) -> Vec<String> {
    let one = async |door: usize, client: usize| {
        let mut ids = Vec::new();
        while !end.load(Ordering::Relaxed) {
            let id = format!("{name}-{door}-{client}-{}", ids.len());
            let request = get(&space.host("hello"), "/?latency=20ms").with("x-request-id", &id);
            let answer = timeout(DEADLINE, once(doors[door], request)).await;
            let answer = answer.unwrap_or_else(|_| panic!("{id} waits and waits"));
            assert_eq!(answer.expect("an answer").status, 200, "{id}");
            ids.push(id);
        }
        ids
    };
    let places = (0..doors.len()).flat_map(|door| (0..clients).map(move |client| (door, client)));
    let all = places.map(|(door, client)| one(door, client));
    futures_util::future::join_all(all).await.concat()
}

/// Never two at once, and each executed once.
fn kept(space: &Space<'_>, ids: &[String]) {
    let ledger = space.ledger();
    let most = ledger.max_in_flight_by_pid();
    assert!(most.values().all(|most| *most == 1), "{most:?}");
    for id in ids {
        assert_eq!(ledger.executions(id), 1, "{id}");
    }
}

async fn one_at_a_time_over_four_proxies_while_pods_come_and_go(cluster: &Cluster) {
    let space = Space::new(cluster, "permits-four").await;
    let four = proxies(cluster, 4).await;
    let doors: Vec<_> = four.iter().map(door).collect();
    let spec = json!({"replicas": {"min": 2, "max": 2}, "http": {"concurrency": {"limit": 1, "perReplica": 1}}});
    space.workload(&App::new("hello"), spec).await;
    let end = AtomicBool::new(false);
    let chaos = async {
        for _ in 0..2 {
            sleep(Duration::from_millis(700)).await;
            let mut pods = space.pods_of("hello").await;
            pods.retain(|pod| pod.metadata.deletion_timestamp.is_none());
            let name = pods.remove(0).metadata.name.unwrap();
            space.delete("v1", "Pod", &name).await;
            until("its successor is ready", async || {
                let ready = &space.object("hello").await["status"]["readyReplicas"];
                let pods = space.pods_of("hello").await;
                let mut names = pods.iter().map(|pod| pod.metadata.name.as_deref());
                ready.as_u64() == Some(2) && names.all(|one| one != Some(&name))
            })
            .await;
        }
        end.store(true, Ordering::Relaxed);
    };
    let (ids, ()) = tokio::join!(crowd(&space, "four", &doors, 3, &end), chaos);
    kept(&space, &ids);
    for at in 0..4 {
        let of = ids
            .iter()
            .filter(|id| id.starts_with(&format!("four-{at}-")));
        assert!(of.count() > 5, "proxy {at} had no turn");
    }
    // Whoever asks alone has what the others left idle.
    for door in doors {
        let answer = timeout(DEADLINE, once(door, get(&space.host("hello"), "/"))).await;
        assert_eq!(answer.expect("in time").expect("an answer").status, 200);
    }
    proxies(cluster, 2).await;
    cluster.whole().await;
    space.end().await;
}

async fn a_killed_proxys_permits_are_there_for_the_others(cluster: &Cluster) {
    let space = Space::new(cluster, "permits-killed").await;
    let four = proxies(cluster, 4).await;
    let doors: Vec<_> = four.iter().map(door).collect();
    let spec = json!({"replicas": {"min": 1, "max": 1}, "http": {"concurrency": {"limit": 1, "perReplica": 1}}});
    space.workload(&App::new("hello"), spec).await;
    let end = AtomicBool::new(false);
    let chaos = async {
        let mut victims = JoinSet::new();
        for _ in 0..20 {
            let request = get(&space.host("hello"), "/?latency=20ms");
            victims.spawn(once(doors[3], request));
        }
        // It has the permit now and then: killed with it and without.
        for _ in 0..3 {
            sleep(Duration::from_millis(300)).await;
            cluster.kill(&four[3], "proxy");
            linked(cluster, 4).await;
        }
        end.store(true, Ordering::Relaxed);
        victims.abort_all();
    };
    let (ids, ()) = tokio::join!(crowd(&space, "killed", &doors[..3], 3, &end), chaos);
    kept(&space, &ids);
    assert!(ids.len() > 20, "{}", ids.len());
    proxies(cluster, 2).await;
    cluster.whole().await;
    space.end().await;
}

async fn a_hundred_at_once_with_room_for_ten(cluster: &Cluster) {
    let space = Space::new(cluster, "permits-overload").await;
    let spec =
        json!({"replicas": {"max": 10}, "http": {"concurrency": {"limit": 1, "perReplica": 1}}});
    space.workload(&App::new("hello"), spec).await;
    let mut requests = JoinSet::new();
    let mut ids = Vec::new();
    for n in 0..100 {
        let id = format!("overload-{n}");
        let request = get(&space.host("hello"), "/?latency=300ms").with("x-request-id", &id);
        requests.spawn(once(cluster.proxy(n).await, request));
        ids.push(id);
    }
    for answer in timeout(DEADLINE * 3, requests.join_all())
        .await
        .expect("in time")
    {
        assert_eq!(answer.expect("an answer").status, 200);
    }
    kept(&space, &ids);
    space.end().await;
}
