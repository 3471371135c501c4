//! Numbers in answers.

use rouse_api::resource::AnswerFormat;

use crate::trigger::{document, exposition};

fn of(format: AnswerFormat, body: &str, location: &str) -> Result<f64, String> {
    document::value(format, body.as_bytes(), location)
}

#[test]
fn a_number_is_found_in_json_and_what_is_there_instead_is_told() {
    let body = r#"{"components": {"worker": {"tasks": 32}}, "text": " 2.5 ", "size": "64Mi", "small": "500m", "a.b": 7, "1": 9,
        "queues": [{"length": 3}, {"length": 4}], "empty": [], "none": null, "yes": true, "word": "many"}"#;
    let json = |location| of(AnswerFormat::Json, body, location);
    for (location, wanted) in [
        ("components.worker.tasks", 32.0),
        ("text", 2.5),
        ("size", 67_108_864.0),
        ("small", 0.5),
        (r"a\.b", 7.0),
        ("1", 9.0),
        ("queues.1.length", 4.0),
        ("queues.#", 2.0),
        ("empty.#", 0.0),
    ] {
        assert_eq!(json(location), Ok(wanted), "{location}");
    }
    for (location, wanted) in [
        (
            "components.workers.tasks",
            "components has no workers; it is an object of 1 fields",
        ),
        ("components.worker", "components.worker is an object"),
        (
            "queues.2.length",
            "queues has no 2; it is a list of 2: write 0 for the first, # for how many",
        ),
        ("queues.length", "queues has no length; it is a list of 2"),
        ("queues.#.length", "queues has no #"),
        ("none", "none is null"),
        ("yes", "yes is true"),
        ("word", "word is text of 4 characters"),
        ("text.more", "text has no more; it is text of 5 characters"),
        ("", "the answer has no ; it is an object of"),
    ] {
        let told = json(location).unwrap_err();
        assert!(told.starts_with(wanted), "{location}: {told}");
    }
    for wrong in ["", "html", "{", r#"{"a": 1e999}"#] {
        assert_eq!(
            of(AnswerFormat::Json, wrong, "a").unwrap_err(),
            "the answer is not JSON"
        );
    }
    assert_eq!(of(AnswerFormat::Json, "[5, 6]", "1"), Ok(6.0));
    let long = format!("{{\"{}\": 1}}", "x".repeat(100_000));
    assert!(of(AnswerFormat::Json, &long, "a").unwrap_err().len() < 200);
}

#[test]
fn a_number_is_found_in_yaml() {
    let body = "components:\n  worker: {tasks: 32}\n  names: [a, b]\n  text: '7'\n";
    let yaml = |location| of(AnswerFormat::Yaml, body, location);
    assert_eq!(yaml("components.worker.tasks"), Ok(32.0));
    assert_eq!(yaml("components.names.#"), Ok(2.0));
    assert_eq!(yaml("components.text"), Ok(7.0));
    assert!(yaml("components.tasks").is_err());
    assert_eq!(
        of(AnswerFormat::Yaml, "a: [", "a").unwrap_err(),
        "the answer is not YAML"
    );
    // Each of these is ten of the one before.
    let mut bomb = "a0: &a0 [1]\n".to_owned();
    for i in 1..12 {
        let list = vec![format!("*a{}", i - 1); 10].join(", ");
        bomb.push_str(&format!("a{i}: &a{i} [{list}]\n"));
    }
    assert!(of(AnswerFormat::Yaml, &bomb, "a0.0").is_err());
}

#[test]
fn a_number_is_found_in_xml() {
    let body = r#"<?xml version="1.0"?><!-- c --><components version="2"><worker><tasks>32</tasks><tasks unit="1"> 4 </tasks></worker>
        <size><![CDATA[5]]></size><none/><odd>1&#50;</odd></components>"#;
    let xml = |location| of(AnswerFormat::Xml, body, location);
    assert_eq!(xml("components.worker.tasks.0"), Ok(32.0));
    assert_eq!(
        xml("components.worker.tasks.1"),
        Ok(4.0),
        "its text, beside attributes"
    );
    assert_eq!(xml("components.worker.tasks.#"), Ok(2.0));
    assert_eq!(xml("components.-version"), Ok(2.0));
    assert_eq!(xml("components.size"), Ok(5.0));
    for location in [
        "components.none",
        "components.odd",
        "components.worker",
        "worker",
    ] {
        assert!(xml(location).is_err(), "{location}");
    }
    let deep = "<a>".repeat(100_000);
    for wrong in [
        "",
        "text",
        "<a>",
        "<a></b>",
        "</a>",
        "<a><b></a></b>",
        &deep,
    ] {
        assert!(of(AnswerFormat::Xml, wrong, "a").is_err(), "{wrong:.20}");
    }
}

#[test]
fn a_series_is_found_in_prometheus_text() {
    let body = "# HELP jobs of the queue\n# TYPE jobs gauge\njobs{state=\"waiting\",of=\"a,\\\"b\\\"}\"} 12 1700000000\n\
        jobs{state=\"running\", of=\"a\"} 3.5e1\nup 1\n\nbad{ 1\nodd NaN\nlast{} 4\nspaced {a=\"b\"} 5\n";
    let found = |selector: &str| exposition::value(body.as_bytes(), selector);
    for (selector, wanted) in [
        ("up", 1.0),
        ("jobs{state=\"waiting\"}", 12.0),
        ("jobs{of=\"a,\\\"b\\\"}\"}", 12.0),
        ("jobs{ of=\"a\" , state=\"running\" }", 35.0),
        ("last", 4.0),
        ("spaced{a=\"b\"}", 5.0),
    ] {
        assert_eq!(found(selector), Ok(wanted), "{selector}");
    }
    for (selector, wanted) in [
        ("jobs", "the answer has several series jobs"),
        ("job", "the answer has no series job"),
        ("jobs{state=\"gone\"}", "the answer has no series"),
        ("odd", "odd is NaN, and a number is wanted"),
        (
            "jobs{state=\"waiting\"",
            "jobs{state=\"waiting\" is not a series",
        ),
        ("sum(jobs)", "the answer has no series sum(jobs)"),
        ("{a=\"b\"}", "{a=\"b\"} is not a series"),
    ] {
        let told = found(selector).unwrap_err();
        assert!(told.starts_with(wanted), "{selector}: {told}");
    }
}
