//! `rouse explain` as people run it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod support;

use std::process::{Command, Output};

use support::{Home, Rouse, get};

/// Status, standard output and standard error of `rouse explain NAME`.
fn explain(name: &str, admin: &str) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_rouse"))
        .args(["explain", name, "--admin", admin])
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

#[tokio::test]
async fn says_why_in_words_the_newest_last() {
    let home = Home::new();
    let yaml = home.workload("hello", "", "", &[]);
    let rouse = Rouse::start(&home, &yaml).await;
    let admin = format!("http://{}", rouse.admin);
    let asleep = explain("hello", &admin);
    assert_eq!(
        asleep.1, "default/hello: asleep, and no demand since Rouse knows it\n",
        "{asleep:?}"
    );

    assert_eq!(rouse.send(get("hello", "/")).await.status, 200);
    let (code, told, errors) = explain("default/hello", &admin);
    assert_eq!((code, errors.as_str()), (0, ""));
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines[0], "default/hello, newest last:");
    assert!(
        lines[1].contains("s ago  1 replica: ") && lines[1].ends_with("; was 0"),
        "{told}"
    );

    let history = rouse.admin("/explain?workload=hello").await.json();
    assert_eq!(history["decisions"][0]["replicas"], 1, "{history}");
    assert_eq!(history["decisions"][0]["was"], 0, "{history}");
}

#[tokio::test]
async fn says_what_is_wrong() {
    let home = Home::new();
    let yaml = home.workload("hello", "", "", &[]);
    let rouse = Rouse::start(&home, &yaml).await;
    let admin = rouse.admin.to_string();
    let (code, _, errors) = explain("other", &admin);
    assert!(
        code == 1 && errors.contains("there is no workload default/other here"),
        "{errors}"
    );
    let (code, _, errors) = explain("hello", "127.0.0.1:1");
    assert!(
        code == 1 && errors.contains("--admin says where"),
        "{errors}"
    );
    let (code, _, errors) = explain("Hello!", &admin);
    assert!(code == 2 && errors.contains("namespace/name"), "{errors}");
    for (query, status) in [
        ("", 400),
        ("?workload=", 400),
        ("?workload=a%2fb", 400),
        ("?workload=other", 404),
    ] {
        let answer = rouse.admin(&format!("/explain{query}")).await;
        assert_eq!(answer.status, status, "{query}");
    }
}
