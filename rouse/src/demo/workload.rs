use std::collections::BTreeMap;
use std::time::Duration;

use rouse_api::workload::{
    Hold, HostPattern, Http, Process, Protocol, Route, Scale, Target, Timeouts, Workload,
    WorkloadId,
};

use crate::cli::DemoArgs;
use crate::error::Error;
use crate::gateway::this_binary;

/// The sample service of this very binary, for every host; more requests at once than ten start a second replica.
pub(super) fn hello(args: &DemoArgs) -> Result<Workload, Error> {
    let program = this_binary()?.into_string().map_err(|path| {
        let path = path.display();
        Error::Failed(format!("rouse: its own path is not UTF-8 text: {path}"))
    })?;
    let delay = format!("{}ms", args.start_delay.as_millis());
    let command = ["sample", "--name", "hello", "--start-delay", &delay];
    let command = std::iter::once(program)
        .chain(command.map(str::to_owned))
        .collect();
    let any = Route {
        hosts: vec![HostPattern::Any],
        path_prefixes: Vec::new(),
        headers: Vec::new(),
    };
    Ok(Workload {
        rank: 0,
        id: WorkloadId::new(WorkloadId::DEFAULT_NAMESPACE, "hello"),
        scale: Scale {
            max: 3,
            idle_after: args.idle_after,
            // A minute of looking back is too long to watch.
            behavior: rouse_api::workload::Behavior {
                stable_window: std::time::Duration::from_secs(10),
                panic_window: std::time::Duration::from_secs(1),
                ..rouse_api::workload::Behavior::default()
            },
            ..Scale::default()
        },
        triggers: Vec::new(),
        wakes: Vec::new(),
        http: Some(Http {
            routes: vec![any],
            service: None,
            readiness: rouse_api::workload::Readiness::default(),
            dial: rouse_api::workload::Dial::default(),
            tls: rouse_api::workload::Tls::default(),
            protocol: Protocol::Http1,
            concurrency_per_replica: Some(10.0),
            concurrency_limit: None,
            request_rate_per_replica: None,
            hold: Hold::default(),
            timeouts: Timeouts::default(),
            rules: Vec::new(),
            wake_requires: None,
            front: None,
            while_waking: rouse_api::workload::WhileWaking::default(),
        }),
        target: Target::Process(Process {
            command,
            env: BTreeMap::new(),
            working_dir: None,
            readiness: None,
            listens: true,
            termination_grace_period: Duration::from_secs(5),
        }),
    })
}
