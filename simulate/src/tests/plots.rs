//! What people read.

use tokio::time::Instant;

use super::{requests, seconds, small};
use crate::outcome::BINS;
use crate::report::{Report, percentile};
use crate::run::{PolicyKind, Results, one};
use crate::{Settings, plot};

fn results() -> Results {
    let requests = requests(&[(10.0, 2.0), (300.0, 1.0)]);
    one(&requests, &small(), seconds(480.0), Instant::now())
}

#[test]
fn percentiles_are_values_that_occur() {
    let waits: Vec<u64> = (1..=200).collect();
    assert_eq!((percentile(&waits, 50), percentile(&waits, 99)), (100, 198));
    assert_eq!((percentile(&[7], 50), percentile(&[7], 99)), (7, 7));
    assert_eq!(percentile(&[], 99), 0);
}

#[test]
fn the_table_has_a_row_for_each_policy() {
    let text = Report::new("two", None, &results()).to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "two: 1 workloads, 2 requests in 480 s");
    assert!(
        lines[1].starts_with("policy       delayed  % of all"),
        "{text}"
    );
    let names: Vec<&str> = lines[2..]
        .iter()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(names, PolicyKind::ALL.map(PolicyKind::name));
    assert!(
        lines[2].contains("100.000") && lines[2].contains("3.00"),
        "{text}"
    );
}

#[test]
fn json_has_the_same_numbers() {
    let report = Report::new("two", Some(4), &results());
    let json = serde_json::to_value(&report).expect("it can be written");
    assert_eq!(json["seed"], 4);
    assert_eq!(json["policies"][0]["policy"], "rouse");
    assert_eq!(json["policies"][0]["delayed"], 2);
    assert_eq!(json["policies"][0]["replicaSeconds"], 129.0);
}

#[test]
fn series_add_up_to_the_account() {
    let results = results();
    assert_eq!(results.demand.len(), BINS);
    assert!((results.demand.iter().sum::<f64>() - 3.0).abs() < 1e-6);
    for (kind, outcome) in &results.policies {
        let sum: f64 = outcome.series.replicas.iter().sum();
        assert!(
            (sum - outcome.replicas as f64 / 1e9).abs() < 1e-6,
            "{kind:?}: {sum}"
        );
        let held: f64 = outcome.series.held.iter().sum();
        let waited: f64 = outcome.waits.iter().map(|wait| *wait as f64 / 1e9).sum();
        assert!((held - waited).abs() < 1e-6, "{kind:?}: {held}");
    }
}

#[test]
fn the_plot_is_one_svg_with_every_trace() {
    let svg = plot::svg(&[
        ("a<b".to_owned(), results()),
        ("second".to_owned(), results()),
    ]);
    assert!(svg.starts_with("<svg xmlns=") && svg.trim_end().ends_with("</svg>"));
    assert!(svg.contains("a&lt;b: 1 workloads") && svg.contains("second: "));
    assert_eq!(svg.matches("requests held").count(), 2);
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
}

#[test]
fn settings_that_contradict_themselves_are_refused() {
    let wrong = [
        (
            Settings {
                capacity: 0,
                ..small()
            },
            "capacity: must be at least 1",
        ),
        (
            Settings {
                utilization: f64::NAN,
                ..small()
            },
            "utilization: must be above 0% and at most 100%",
        ),
        (
            Settings { min: 5, ..small() },
            "max: must be at least 1, and at least min",
        ),
        (
            Settings {
                on_wake: 5,
                ..small()
            },
            "onWake: must be from 1 to max",
        ),
        (
            Settings {
                stable_window: seconds(1.0),
                ..small()
            },
            "stableWindow: must be from 6s to 1h",
        ),
        (
            Settings {
                start_up: seconds(90_000.0),
                ..small()
            },
            "startUp: must be at most 24h",
        ),
    ];
    assert_eq!(small().validate(), Ok(()));
    for (settings, text) in wrong {
        let error = settings.validate().expect_err("is refused");
        assert_eq!(error.to_string(), text);
    }
}
