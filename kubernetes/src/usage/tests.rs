use super::*;

const MI: f64 = 1024.0 * 1024.0;

fn requests(container: &str, cpu: Option<f64>, memory: Option<f64>) -> Requests {
    Requests {
        container: container.into(),
        cpu,
        memory,
    }
}

fn pods(names: &[&str]) -> Vec<(String, Box<[Requests]>)> {
    let both = || -> Box<[Requests]> {
        [
            requests("app", Some(0.5), Some(100.0 * MI)),
            requests("sidecar", Some(0.1), Some(50.0 * MI)),
        ]
        .into()
    };
    names
        .iter()
        .map(|name| ((*name).to_owned(), both()))
        .collect()
}

fn used(pods: &[(&str, f64, f64)]) -> Used {
    let one = |(name, app, sidecar): &(&str, f64, f64)| {
        let containers = vec![
            ("app".to_owned(), app / 1000.0, app * MI),
            ("sidecar".to_owned(), sidecar / 1000.0, sidecar * MI),
        ];
        ((*name).to_owned(), containers)
    };
    pods.iter().map(one).collect()
}

fn wanted(resource: Resource, of_requests: bool, container: Option<&str>) -> Usage {
    Usage {
        resource,
        of_requests,
        container: container.map(str::to_owned),
    }
}

#[test]
fn the_whole_by_the_whole_or_the_average_of_those_that_are_measured() {
    // In thousandths of a core, and in MiB.
    let used = used(&[("a", 90.0, 60.0), ("b", 50.0, 40.0)]);
    let of = |usage: Usage| value(&used, &pods(&["a", "b", "c"]), &usage).unwrap();
    let near = |found: f64, expected: f64| {
        assert!(
            (found - expected).abs() < 1e-9 * expected,
            "{found} {expected}"
        );
    };
    near(
        of(wanted(Resource::Memory, true, None)),
        240.0 / 300.0 * 100.0,
    );
    near(of(wanted(Resource::Memory, true, Some("app"))), 70.0);
    near(
        of(wanted(Resource::Memory, false, Some("sidecar"))),
        50.0 * MI,
    );
    near(of(wanted(Resource::Cpu, true, None)), 0.24 / 1.2 * 100.0);
    near(of(wanted(Resource::Cpu, false, None)), 0.12);
}

#[test]
fn what_can_not_be_reckoned_says_what_would_be_right() {
    let used = used(&[("a", 90.0, 60.0)]);
    let told =
        |pods: &[(String, Box<[Requests]>)], usage: Usage| value(&used, pods, &usage).unwrap_err();
    let unmeasured = told(&pods(&["z"]), wanted(Resource::Cpu, true, None));
    assert_eq!(unmeasured, "no pod has metrics of its cpu yet");
    let other = told(&pods(&["a"]), wanted(Resource::Cpu, true, Some("web")));
    assert_eq!(other, "pod a has no container web");
    let bare: Vec<(String, Box<[Requests]>)> =
        vec![("a".to_owned(), [requests("app", None, None)].into())];
    let none = told(&bare, wanted(Resource::Memory, true, None));
    assert!(
        none.contains("requests no memory: write resources.requests.memory"),
        "{none}"
    );
    assert!(value(&used, &bare, &wanted(Resource::Memory, false, None)).is_ok());
}

#[test]
fn amounts_are_read_as_they_are_written() {
    for (text, amount) in [
        ("0", 0.0),
        ("2", 2.0),
        ("500m", 0.5),
        ("1234567n", 0.001_234_567),
        ("1.5Gi", 1.5 * 1024.0 * MI),
        ("129Ki", 129.0 * 1024.0),
        ("100M", 1e8),
        ("2e3", 2000.0),
    ] {
        let read = quantity(text).unwrap();
        assert!((read - amount).abs() <= amount * 1e-12, "{text}: {read}");
    }
    for text in ["", "x", "1X", "-"] {
        assert_eq!(quantity(text), None, "{text}");
    }
}
