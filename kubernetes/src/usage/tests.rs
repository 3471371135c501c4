use super::*;
use crate::index::pod::Requests;

const MI: f64 = 1024.0 * 1024.0;

fn requests(container: &str, cpu: Option<f64>, memory: Option<f64>) -> Requests {
    Requests {
        container: container.into(),
        cpu,
        memory,
    }
}

fn pods(names: &[&str]) -> Vec<PodRequests> {
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
            ("app".to_owned(), Some(app / 1000.0), Some(app * MI)),
            (
                "sidecar".to_owned(),
                Some(sidecar / 1000.0),
                Some(sidecar * MI),
            ),
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
    let of = |usage: Usage| value(&used, &pods(&["a", "b", "c"]), &usage).unwrap().0;
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
    let told = |pods: &[PodRequests], usage: Usage| value(&used, pods, &usage).unwrap_err();
    let unmeasured = told(&pods(&["z"]), wanted(Resource::Cpu, true, None));
    assert_eq!(unmeasured, "no ready pod has metrics of its cpu yet");
    let other = told(&pods(&["a"]), wanted(Resource::Cpu, true, Some("web")));
    assert_eq!(other, "pod a has no container web");
    let bare: Vec<PodRequests> = vec![("a".to_owned(), [requests("app", None, None)].into())];
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

#[test]
fn who_is_not_measured_changes_no_direction() {
    // Of a target of 80: twice it, by one of three, is not more than two of three would be; with all measured it is.
    for (value, measured, count, wanted) in [
        (160.0, 3, 3, 160.0),
        (160.0, 1, 3, 80.0),
        (300.0, 1, 3, 100.0),
        (160.0, 2, 4, 80.0),
        (20.0, 3, 3, 20.0),
        (20.0, 1, 3, 60.0),
        (20.0, 1, 20, 77.0),
    ] {
        let found = whole(value, measured, count, 80.0);
        assert!(
            (found - wanted).abs() < 1e-9,
            "{value} {measured} {count}: {found}"
        );
    }
}

#[test]
fn an_amount_that_is_missing_is_not_zero() {
    let sidecar_only = vec![("sidecar".to_owned(), Some(0.1), Some(50.0 * MI))];
    let used: Used = [("a".to_owned(), sidecar_only)].into();
    let found = value(
        &used,
        &pods(&["a"]),
        &wanted(Resource::Memory, true, Some("app")),
    );
    let told = found.unwrap_err();
    assert!(
        told.contains("don't say how much memory container app uses"),
        "{told}"
    );
}
