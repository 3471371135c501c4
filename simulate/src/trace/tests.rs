use std::time::Duration;

use super::{Generated, Kind, Request, Trace, TraceError, read};

fn refusal(text: &str) -> String {
    read(text.as_bytes()).expect_err("is refused").to_string()
}

#[test]
fn a_file_is_sorted_by_workload_and_time() {
    let text = "time,workload,duration\n2.5,\"a\",1\r\n# a remark\n 0 , b , 0.25\n1,a,2\n";
    let Ok(Trace::Recorded { workloads, length }) = read(text.as_bytes()) else {
        panic!("is read");
    };
    let request = |at, duration| Request {
        at: Duration::from_secs_f64(at),
        duration: Duration::from_secs_f64(duration),
    };
    assert_eq!(length, Duration::from_secs_f64(3.5));
    let names: Vec<&str> = workloads.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(
        workloads[0].requests,
        [request(1.0, 2.0), request(2.5, 1.0)]
    );
    assert_eq!(workloads[1].requests, [request(0.0, 0.25)]);
}

#[test]
fn what_is_wrong_has_its_line_and_field_and_what_would_be_right() {
    let head = "time,workload,duration\n";
    let cases = [
        (
            "1,a,soon\n",
            "line 2: duration: \"soon\" is not a number of seconds; write one such as 12.5",
        ),
        (
            "1,a,1\n\n-1,a,1\n",
            "line 4: time: -1 is out of range; write seconds from 0 to 31622400",
        ),
        (
            "1,a,inf\n",
            "line 2: duration: inf is out of range; write seconds from 0 to 31622400",
        ),
        (
            "NaN,a,1\n",
            "line 2: time: NaN is out of range; write seconds from 0 to 31622400",
        ),
        ("1,,1\n", "line 2: workload: it is empty; write a name"),
        (
            "1,a\n",
            "line 2: it has 2 fields, and 3 are wanted: time,workload,duration",
        ),
        (
            "1,a,1,1\n",
            "line 2: it has 4 fields, and 3 are wanted: time,workload,duration",
        ),
        ("", "there is no request in it"),
    ];
    for (text, wanted) in cases {
        assert_eq!(refusal(&format!("{head}{text}")), wanted, "{text:?}");
    }
    assert_eq!(
        refusal(""),
        "the first line must be time,workload,duration, but it is empty"
    );
    assert_eq!(
        refusal("workload,time\n"),
        "line 1: the first line must be time,workload,duration, but it is \"workload,time\""
    );
}

#[test]
fn what_is_not_text_has_its_line() {
    let bytes = b"time,workload,duration\n1,\xff\xff,1\n";
    let error = read(&bytes[..]).expect_err("is refused");
    assert!(matches!(error, TraceError::Line { line: 2, .. }), "{error}");
}

fn generated(kind: Kind, seed: u64) -> Generated {
    Generated {
        kind,
        seed,
        workloads: 3,
        length: Duration::from_secs(4 * 3600),
        rate: 1.0,
        duration: Duration::from_millis(500),
    }
}

#[test]
fn a_seed_is_a_trace() {
    for kind in Kind::ALL {
        let one = generated(kind, 7);
        assert_eq!(one.requests(2), one.requests(2), "{kind:?}");
        assert_ne!(one.requests(2), generated(kind, 8).requests(2), "{kind:?}");
        assert_ne!(one.requests(2), one.requests(1), "{kind:?}");
        let more = Generated {
            workloads: 9,
            ..one.clone()
        };
        assert_eq!(
            one.requests(2),
            more.requests(2),
            "it does not depend on how many there are"
        );
    }
}

#[test]
fn generated_requests_come_in_order_within_the_length() {
    for kind in Kind::ALL {
        let one = generated(kind, 1);
        let requests = one.requests(0);
        assert!(requests.len() > 10, "{kind:?}: {}", requests.len());
        assert!(requests.is_sorted_by_key(|request| request.at), "{kind:?}");
        let within =
            |request: &Request| request.at <= one.length && request.duration <= one.duration * 20;
        assert!(requests.iter().all(within), "{kind:?}");
    }
}

#[test]
fn a_steady_rate_is_met_in_the_mean() {
    let one = generated(Kind::Steady, 3);
    let requests = one.requests(1);
    let seconds = one.length.as_secs_f64();
    let gaps: Vec<f64> = requests
        .windows(2)
        .map(|two| (two[1].at - two[0].at).as_secs_f64())
        .collect();
    let rate = requests.len() as f64 / seconds;
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let spread = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
    assert!((0.1..=10.0).contains(&rate), "{rate}");
    // Of exponential gaps the deviation is the mean.
    assert!(
        (spread.sqrt() / mean - 1.0).abs() < 0.15,
        "{} and {mean}",
        spread.sqrt()
    );
    let durations: f64 = requests
        .iter()
        .map(|request| request.duration.as_secs_f64())
        .sum();
    assert!((durations / requests.len() as f64 - 0.5).abs() < 0.05);
}
