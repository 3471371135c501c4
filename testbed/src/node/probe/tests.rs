use jiff::Timestamp;
use serde_json::json;

use super::*;

fn probe(fields: serde_json::Value) -> Probe {
    serde_json::from_value(fields).unwrap()
}

fn running(id: &str, since: Instant) -> ContainerSeen {
    ContainerSeen {
        reported: true,
        id: Some(id.to_owned()),
        now: Now::Running {
            at: Timestamp::UNIX_EPOCH,
            since,
        },
        ..ContainerSeen::default()
    }
}

#[tokio::test(start_paused = true)]
async fn thresholds_count_results_in_a_row() {
    let spec = probe(json!({"failureThreshold": 2, "successThreshold": 2}));
    let mut track = Track::new(Which::Readiness, &spec);
    let verdicts: Vec<_> = [true, true, false, true, true, false, false, false]
        .map(|passed| track.result(passed))
        .into();
    let expected = [
        None,
        Some(true),
        None,
        None,
        Some(true),
        None,
        Some(false),
        Some(false),
    ];
    assert_eq!(verdicts, expected);
}

#[tokio::test(start_paused = true)]
async fn initial_delay_counts_from_the_containers_start() {
    let mut track = Track::new(Which::Readiness, &probe(json!({"initialDelaySeconds": 5})));
    let container = Container::default();
    let start = Instant::now();
    let seen = running("1", start);
    assert!(!track.due(&container, &seen, start + Duration::from_secs(4)));
    assert!(track.due(&container, &seen, start + Duration::from_secs(5)));
    let unreported = ContainerSeen {
        reported: false,
        ..seen
    };
    assert!(!track.due(&container, &unreported, start + Duration::from_secs(9)));
}

#[tokio::test(start_paused = true)]
async fn startup_goes_before_the_others() {
    let startup = probe(json!({"failureThreshold": 1}));
    let container = Container {
        startup_probe: Some(startup.clone()),
        ..Container::default()
    };
    let now = Instant::now();
    let mut first = Track::new(Which::Startup, &startup);
    let mut then = Track::new(Which::Liveness, &probe(json!({})));
    let mut seen = running("1", now);
    assert!(first.due(&container, &seen, now) && !then.due(&container, &seen, now));
    seen.startup = true;
    assert!(!first.due(&container, &seen, now) && then.due(&container, &seen, now));
}

#[tokio::test(start_paused = true)]
async fn a_failed_container_is_left_alone_until_its_next_run() {
    let mut track = Track::new(Which::Liveness, &probe(json!({"failureThreshold": 1})));
    let container = Container::default();
    let now = Instant::now();
    assert!(track.due(&container, &running("1", now), now));
    assert_eq!(track.result(false), Some(false));
    assert!(!track.due(&container, &running("1", now), now));
    assert!(track.due(&container, &running("2", now), now));
}
