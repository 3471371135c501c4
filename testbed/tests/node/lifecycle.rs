use std::time::Duration;

use futures_util::StreamExt;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use kube::api::PostParams;
use kube::runtime::wait::await_condition;
use rouse_testbed::node::Signal;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::cluster::*;

pub(crate) async fn deployment_becomes_ready(cluster: &Cluster) {
    let pods = cluster.namespace("deployment").await;
    let template = pod(
        "unused",
        json!({"readinessProbe": {"httpGet": {"port": 8080}, "periodSeconds": 1}}),
        json!({}),
    );
    let object = json!({
        "metadata": {"name": "web"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": template.spec}},
    });
    // The API server wants Always for a Deployment; it fills that in.
    let deployments = cluster.all::<Deployment>("deployment");
    let object: Deployment = serde_json::from_value(object).unwrap();
    deployments
        .create(&PostParams::default(), &object)
        .await
        .unwrap();
    let ready = |found: Option<&Deployment>| {
        found.and_then(|found| found.status.as_ref()?.ready_replicas) == Some(2)
    };
    await_condition(deployments, "web", ready).await.unwrap();
    let mut addresses = Vec::new();
    for pod in pods.list(&Default::default()).await.unwrap() {
        let ip = pod.status.unwrap().pod_ip.unwrap();
        TcpStream::connect(format!("{ip}:8080")).await.unwrap();
        addresses.push(ip);
    }
    assert_ne!(addresses[0], addresses[1]);
}

pub(crate) async fn address_and_running_come_in_one_update(cluster: &Cluster) {
    let pods = cluster.namespace("updates").await;
    let mut seen = versions(&pods, "p");
    let probe = json!({"readinessProbe": {"httpGet": {"port": 8080}, "periodSeconds": 1}});
    create(&pods, pod("p", probe, json!({}))).await;
    let mut before_ready = false;
    while let Some(pod) = seen.next().await {
        let has_ip = pod
            .status
            .as_ref()
            .is_some_and(|status| status.pod_ip.is_some());
        assert_eq!(has_ip, is_running(&pod), "{:#?}", pod.status);
        assert!(has_ip || !is_ready(&pod));
        before_ready |= has_ip && !is_ready(&pod);
        if is_ready(&pod) {
            break;
        }
    }
    assert!(
        before_ready,
        "Ready is told after the address, in an update of its own"
    );
}

pub(crate) async fn crashes_wait_longer_each_time(cluster: &Cluster) {
    cluster.node().knobs().set_backoff_factor(0.05);
    let pods = cluster.namespace("crashes").await;
    create(&pods, shell("p", "echo run; exit 3", json!({}))).await;
    let pod = until(&pods, "p", |pod| {
        waiting(pod).as_deref() == Some("CrashLoopBackOff") && restarts(pod) == 2
    })
    .await;
    cluster.node().knobs().set_backoff_factor(1.0);
    let status = main_status(&pod).unwrap();
    let last = status.last_state.clone().unwrap().terminated.unwrap();
    assert_eq!((last.exit_code, last.reason.as_deref()), (3, Some("Error")));
    let message = status
        .state
        .clone()
        .unwrap()
        .waiting
        .unwrap()
        .message
        .unwrap();
    assert!(
        message.starts_with("back-off 20s restarting failed container=main"),
        "{message}"
    );
    assert_eq!(pod.status.unwrap().phase.as_deref(), Some("Running"));
    assert_eq!(
        cluster.node().logs("crashes", "p", "main").unwrap(),
        "run\nrun\nrun\n"
    );
    delete(&pods, "p").await;
    until_gone(&pods, "p").await;
}

pub(crate) async fn unknown_images_are_told_and_pulled_later(cluster: &Cluster) {
    let knobs = cluster.node().knobs();
    knobs.set_backoff_factor(0.1);
    let pods = cluster.namespace("images").await;
    create(
        &pods,
        pod(
            "p",
            json!({"image": "late", "args": ["sleep 100"]}),
            json!({}),
        ),
    )
    .await;
    let first = until(&pods, "p", |pod| {
        waiting(pod).as_deref() == Some("ErrImagePull")
    })
    .await;
    let status = first.status.unwrap();
    assert_eq!(
        (status.phase.as_deref(), status.pod_ip),
        (Some("Pending"), None)
    );
    until(&pods, "p", |pod| {
        waiting(pod).as_deref() == Some("ImagePullBackOff")
    })
    .await;
    knobs.set_image("late", Some(vec!["/bin/sh".into(), "-c".into()]));
    until(&pods, "p", is_running).await;
    knobs.set_image("late", None);
    knobs.set_backoff_factor(1.0);
}

pub(crate) async fn deletion_runs_the_hook_and_waits_for_the_process(cluster: &Cluster) {
    let pods = cluster.namespace("deletion").await;
    let script =
        "trap 'echo term; sleep 0.3; echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done";
    let hook = json!({"image": "sh", "args": [script],
        "lifecycle": {"preStop": {"sleep": {"seconds": 1}}}});
    create(
        &pods,
        pod("p", hook, json!({"terminationGracePeriodSeconds": 20})),
    )
    .await;
    until(&pods, "p", is_ready).await;
    let pid = cluster.node().pid("deletion", "p", "main").unwrap();
    let mut seen = versions(&pods, "p");
    let start = Instant::now();
    delete(&pods, "p").await;
    let ended = async {
        loop {
            let pod = seen.next().await.expect("versions");
            let phase = pod.status.as_ref().and_then(|status| status.phase.clone());
            if phase.as_deref() == Some("Succeeded") {
                assert!(!is_ready(&pod));
                return;
            }
        }
    };
    ended.await;
    until_gone(&pods, "p").await;
    let took = start.elapsed();
    assert!(
        took >= Duration::from_millis(1300) && took < Duration::from_secs(15),
        "{took:?}"
    );
    // The shell may tell of its child in between.
    let log = cluster.node().logs("deletion", "p", "main").unwrap();
    assert!(
        log.starts_with("up\n") && log.ends_with("term\nbye\n"),
        "{log:?}"
    );
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
}

pub(crate) async fn deaf_processes_are_killed_at_the_deadline(cluster: &Cluster) {
    let pods = cluster.namespace("deaf").await;
    let script = "trap '' TERM; while :; do sleep 0.05; done";
    create(
        &pods,
        shell("p", script, json!({"terminationGracePeriodSeconds": 1})),
    )
    .await;
    until(&pods, "p", is_running).await;
    let pid = cluster.node().pid("deaf", "p", "main").unwrap();
    delete(&pods, "p").await;
    until_gone(&pods, "p").await;
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    assert_eq!(cluster.node().pid("deaf", "p", "main"), None);
}

pub(crate) async fn init_containers_go_first(cluster: &Cluster) {
    let pods = cluster.namespace("init").await;
    let volume = json!([{"name": "v", "mountPath": "/run/shared"}]);
    let spec = json!({
        "volumes": [{"name": "v", "emptyDir": {}}],
        "initContainers": [
            {"name": "first", "image": "sh", "args": ["echo one > /run/shared/file"], "volumeMounts": volume},
            {"name": "side", "image": "sh", "restartPolicy": "Always", "args": ["sleep 1000"]},
        ],
    });
    let main = json!({"image": "sh", "args": ["cat /run/shared/file; exec sleep 1000"], "volumeMounts": volume});
    create(&pods, pod("p", main, spec)).await;
    let pod = until(&pods, "p", is_ready).await;
    logged(cluster, "init", "one\n").await;
    let inits = pod.status.unwrap().init_container_statuses.unwrap();
    assert!(inits[0].state.as_ref().unwrap().terminated.is_some());
    assert!(inits[1].state.as_ref().unwrap().running.is_some());
    delete(&pods, "p").await;
    until_gone(&pods, "p").await;
}

pub(crate) async fn jobs_complete(cluster: &Cluster) {
    cluster.namespace("jobs").await;
    let jobs = cluster.all::<Job>("jobs");
    let template = shell("unused", "exit 0", json!({"restartPolicy": "Never"}));
    let object = json!({"metadata": {"name": "j"}, "spec": {"template": {"spec": template.spec}}});
    let object: Job = serde_json::from_value(object).unwrap();
    jobs.create(&PostParams::default(), &object).await.unwrap();
    let done =
        |found: Option<&Job>| found.and_then(|job| job.status.as_ref()?.succeeded) == Some(1);
    await_condition(jobs, "j", done).await.unwrap();
}

pub(crate) async fn killed_processes_start_again(cluster: &Cluster) {
    let pods = cluster.namespace("killed").await;
    create(&pods, pod("p", json!({}), json!({}))).await;
    until(&pods, "p", is_ready).await;
    cluster
        .node()
        .kill("killed", "p", "main", Signal::KILL)
        .unwrap();
    let pod = until(&pods, "p", |pod| restarts(pod) == 1 && is_ready(pod)).await;
    let last = main_status(&pod).unwrap().last_state.clone().unwrap();
    assert_eq!(last.terminated.unwrap().exit_code, 137);
    assert!(
        cluster
            .node()
            .kill("killed", "nobody", "main", Signal::KILL)
            .is_err()
    );
}
