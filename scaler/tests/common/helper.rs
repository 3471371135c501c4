//! What the tests start: `guard COMMAND...`, `listen` (a replica that listens on $PORT), and `host COMMAND...` (stands for
//! Rouse: runs one replica of the command, says `ready` and waits to be killed).

use std::ffi::OsString;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;

use rouse_api::workload::{Process, Scale, Target, Workload, WorkloadId};
use rouse_scaler::platform::local::{LocalConfig, LocalPlatform, guard};
use rouse_scaler::platform::{Platform, ReplicaState, ScaleOrder};

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    match args.next().as_ref().and_then(|mode| mode.to_str()) {
        Some("guard") => guard::main(args),
        Some("listen") => listen(),
        Some("host") => host(args.collect()),
        _ => ExitCode::from(2),
    }
}

fn listen() -> ExitCode {
    let port = std::env::var("PORT")
        .ok()
        .and_then(|port| port.parse().ok());
    let Some(Ok(listener)) = port.map(|port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)))
    else {
        return ExitCode::from(3);
    };
    for connection in listener.incoming() {
        drop(connection);
    }
    ExitCode::SUCCESS
}

#[tokio::main(flavor = "current_thread")]
async fn host(command: Vec<OsString>) -> ExitCode {
    let Ok(helper) = std::env::current_exe() else {
        return ExitCode::from(4);
    };
    let platform = LocalPlatform::new(LocalConfig {
        guard: vec![helper.into(), "guard".into()],
    });
    let id = WorkloadId::new("default", "hosted");
    platform.apply(Arc::new(Workload {
        rank: 0,
        id: id.clone(),
        scale: Scale::default(),
        triggers: Vec::new(),
        wakes: Vec::new(),
        http: None,
        target: Target::Process(Process {
            command: command
                .into_iter()
                .filter_map(|part| part.into_string().ok())
                .collect(),
            env: std::collections::BTreeMap::new(),
            working_dir: None,
            readiness: None,
            listens: true,
            termination_grace_period: std::time::Duration::from_secs(1),
        }),
    }));
    let order = ScaleOrder {
        workload: id,
        from: 0,
        to: 1,
        victims: Vec::new(),
    };
    if platform.scale(order).await.is_err() {
        return ExitCode::from(5);
    }
    loop {
        let observation = platform.observe().await;
        if observation
            .replicas
            .iter()
            .any(|replica| replica.state == ReplicaState::Ready)
        {
            let _ = writeln!(std::io::stdout(), "ready");
        }
    }
}
