use super::*;
use crate::workload::Source;

const CRON: &str = "timezone: Asia/Tokyo, start: '0 8 * * 1-5', end: '0 20 * * 1-5', replicas: 2";

fn with_cron(cron: &str) -> String {
    with_spec(&format!("triggers:\n- cron: {{{cron}}}"))
}

#[test]
fn a_schedule_is_read_and_enough_to_run() {
    let workloads = load_one(&with_cron(CRON)).unwrap();
    let trigger = &workloads[0].triggers[0];
    assert_eq!(trigger.to_string(), "triggers[0] (cron)");
    let Source::Cron(cron) = &trigger.source else {
        panic!("{trigger}");
    };
    assert_eq!(cron.replicas, 2);
    let monday = "2026-11-30T08:00:00+09".parse().unwrap();
    assert!(cron.schedule.at(monday).inside);
}

#[test]
fn a_schedule_that_cannot_be_is_refused_at_its_field() {
    for (from, to, wanted) in [
        (
            "Asia/Tokyo",
            "Asia/Tokio",
            "a.yaml:7: spec.triggers[0].cron.timezone: \"Asia/Tokio\" is not a time zone; did you mean Asia/Tokyo?",
        ),
        (
            "0 8 *",
            "0 8",
            "a.yaml:7: spec.triggers[0].cron.start: \"0 8 * 1-5\" has 4 fields; five are wanted: minute, hour, day of month, month and day of week, e.g. 0 8 * * 1-5",
        ),
        (
            "0 20 * * 1-5",
            "0 8 ? * MON-FRI",
            "a.yaml:7: spec.triggers[0].cron.end: is the same as start: the window would never end; write when it ends, or replicas.min for one that is always",
        ),
        (
            "0 20 * * 1-5",
            "0 20 30 2 *",
            "a.yaml:7: spec.triggers[0].cron.end: \"0 20 30 2 *\" never comes: none of its months has that day",
        ),
        (
            "replicas: 2",
            "replicas: 0",
            "a.yaml:7: spec.triggers[0].cron.replicas: is 0; a whole number from 1 to",
        ),
        (
            "replicas: 2",
            "replicas: 11",
            "a.yaml:7: spec.triggers[0].cron.replicas: is 11, and replicas.max is 10: there are never more",
        ),
        (
            "timezone: Asia/Tokyo, ",
            "",
            "a.yaml:7: spec.triggers[0].cron.timezone: is missing",
        ),
    ] {
        let problems = load_one(&with_cron(&CRON.replace(from, to))).unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with(wanted), "{problems:?}");
    }
}

#[test]
fn what_it_begins_with_is_at_most_max() {
    let initial = |replicas: &str| {
        let text = with_spec(&format!("http: {{hosts: [a]}}\nreplicas: {{{replicas}}}"));
        load_one(&text).map(|workloads| workloads[0].scale.initial)
    };
    assert_eq!(initial("max: 3"), Ok(None));
    assert_eq!(initial("initial: 0"), Ok(Some(0)));
    assert_eq!(initial("initial: 3, max: 3"), Ok(Some(3)));
    assert_eq!(
        initial("initial: 4, max: 3"),
        Err(vec![
            "a.yaml:7: spec.replicas.initial: is 4 but max is 3: initial may not be above max"
                .to_owned()
        ])
    );
}
