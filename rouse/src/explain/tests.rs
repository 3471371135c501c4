use super::words::written;
use super::{Explained, Past, workload};

fn past(seconds_ago: f64, why: &str) -> Past {
    Past {
        seconds_ago,
        why: why.to_owned(),
    }
}

#[test]
fn one_decision_a_line_the_newest_last() {
    let explained = Explained {
        workload: "default/hello".to_owned(),
        leads: true,
        observed: false,
        decisions: vec![
            past(200_000.0, "1 replica: a"),
            past(7_300.0, "2 replicas: b"),
            past(150.0, "0 replicas: c"),
            past(3.9, "1 replica: d"),
        ],
    };
    let wanted = "default/hello, newest last:
  2 days ago  1 replica: a
     2 h ago  2 replicas: b
   2 min ago  0 replicas: c
     3 s ago  1 replica: d
";
    assert_eq!(written(&explained), wanted);
}

#[test]
fn what_always_slept_says_so() {
    let explained = Explained {
        workload: "default/hello".to_owned(),
        leads: true,
        observed: false,
        decisions: Vec::new(),
    };
    assert_eq!(
        written(&explained),
        "default/hello: asleep, and no demand since Rouse knows it\n"
    );
}

#[test]
fn a_follower_says_that_it_is_one() {
    let explained = Explained {
        workload: "default/hello".to_owned(),
        leads: false,
        observed: true,
        decisions: vec![past(1.0, "1 replica: a")],
    };
    let told = written(&explained);
    let begins = "default/hello, newest last:\n  1 s ago  1 replica: a\nIts mode is observe: none of this is done.\nThis scaler does not lead";
    assert!(told.starts_with(begins), "{told}");
}

#[test]
fn names_with_and_without_a_namespace() {
    assert_eq!(workload("hello").unwrap().as_str(), "default/hello");
    assert_eq!(workload("team/hello").unwrap().as_str(), "team/hello");
    for bad in ["", "/", "a/", "/a", "a/b/c", "A", "a b", "a&b", "a%2fb"] {
        assert!(workload(bad).is_err(), "{bad}");
    }
}
