use std::time::Duration;

use rouse_api::link::{EndpointId, Report, ToScaler, Wake};
use rouse_api::workload::WorkloadId;

use super::Outbox;

fn hello() -> WorkloadId {
    WorkloadId::new("default", "hello")
}

fn report(whole: bool) -> ToScaler {
    ToScaler::Report(Report {
        sequence: 40,
        length: Duration::from_secs(1),
        whole,
        workloads: Vec::new(),
    })
}

fn wake(held: u32) -> ToScaler {
    ToScaler::Wake(Wake {
        workload: hello(),
        held,
        oldest: Duration::ZERO,
        by: None,
    })
}

#[tokio::test]
async fn a_scaler_that_takes_nothing_makes_nothing_grow() {
    let outbox = Outbox::default();
    let (workload, endpoint) = (hello(), EndpointId("pod".into()));
    for n in 0..1000 {
        outbox.put(report(n == 0));
        outbox.put(wake(n));
        outbox.put(ToScaler::Busy {
            workload: workload.clone(),
            epoch: 1,
        });
        outbox.put(ToScaler::Quiesced {
            workload: workload.clone(),
            epoch: 2,
        });
        outbox.put(ToScaler::Proven {
            workload: workload.clone(),
            endpoint: endpoint.clone(),
        });
        outbox.put(ToScaler::Drained {
            workload: workload.clone(),
            endpoint: endpoint.clone(),
        });
    }
    assert_eq!(outbox.len(), 5);
    assert_eq!(outbox.next().await, Some(wake(999)));
    let Some(ToScaler::Report(report)) = outbox.next().await else {
        panic!("no report")
    };
    assert!(report.whole);
    assert_eq!((report.sequence, report.length.as_secs()), (0, 1000));
    assert_eq!(
        outbox.next().await,
        Some(ToScaler::Quiesced { workload, epoch: 2 })
    );
}

#[tokio::test]
async fn the_first_report_is_whole_and_counts_from_zero() {
    let outbox = Outbox::default();
    outbox.put(report(false));
    assert_eq!(outbox.len(), 0);
    outbox.put(report(true));
    outbox.next().await;
    outbox.put(report(false));
    let Some(ToScaler::Report(second)) = outbox.next().await else {
        panic!("no report")
    };
    assert_eq!((second.whole, second.sequence), (false, 1));
    outbox.put(report(false));
    outbox.want_whole();
    outbox.put(report(false));
    assert_eq!(outbox.len(), 0);
    outbox.put(report(true));
    assert_eq!(outbox.len(), 1);
}

#[tokio::test]
async fn nothing_follows_leaving() {
    let outbox = Outbox::default();
    outbox.put(wake(1));
    outbox.put(ToScaler::Leaving);
    outbox.put(wake(2));
    assert_eq!(outbox.next().await, Some(wake(1)));
    assert_eq!(outbox.next().await, Some(ToScaler::Leaving));
    assert_eq!(outbox.next().await, None);
}
