//! `rouse demo`: a sample service asleep behind a gateway, and live what happens to it.

mod ports;
mod screen;
mod story;
mod workload;

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use rouse_proxy::{Drain, ProxyConfig};
use rouse_scaler::ScalerConfig;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{MissedTickBehavior, interval};
use tracing_subscriber::EnvFilter;

use crate::admin::{Admin, Answers};
use crate::cli::{DemoArgs, LogFormat};
use crate::error::Error;
use crate::gateway::Gateway;
use crate::signals::Signals;
use screen::Screen;
use story::Story;

/// Between two looks at what is not told by events: the status line, and whether held requests are answered.
const LOOK: Duration = Duration::from_millis(200);
const LOOK_WHILE_ANSWERING: Duration = Duration::from_millis(2);

/// Until Ctrl-C.
pub(crate) fn run(args: &DemoArgs) -> Result<(), Error> {
    // What matters is on the screen; the log tells only of trouble.
    crate::logging::start(EnvFilter::new("warn"), LogFormat::Text);
    let runtime = crate::runtime(2)?;
    let shown = runtime.block_on(Box::pin(demo(args)));
    runtime.shutdown_background();
    shown
}

async fn demo(args: &DemoArgs) -> Result<(), Error> {
    let mut signals = Signals::new()?;
    let mut registry = Registry::default();
    let mut screen = Screen::new();
    let listen = ports::free_from(ports::GATEWAY, &[])?;
    let admin = Admin::bind(ports::free_from(ports::ADMIN, &[listen.port()])?).await?;
    let workload = workload::hello(args)?;
    let id = workload.id.clone();
    let gateway = Gateway::start(proxy(listen), scaler(), vec![workload], &mut registry).await?;
    let gateway = Arc::new(gateway);
    let story = Story::new(id, args.idle_after, gateway.clone());
    screen.print(&story::welcome(listen, admin.address(), args));
    let admin = tokio::spawn(admin.serve(Answers::new(gateway.clone(), registry)));
    tokio::select! {
        _ = signals.next() => {}
        () = tell(story, &gateway, &mut screen) => {}
    }
    screen.end("stopping: what is in flight is finished, then the processes are stopped (Ctrl-C again: at once)");
    crate::serve::stop(&gateway, &mut signals).await?;
    admin.abort();
    screen.print("stopped; nothing is left running");
    Ok(())
}

/// Shows events as they come, until there can be no more.
async fn tell(mut story: Story, gateway: &Gateway, screen: &mut Screen) {
    let mut events = gateway.events();
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut answers = interval(LOOK_WHILE_ANSWERING);
    answers.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Ok(event) => screen.print_all(&story.event(&event)),
                Err(RecvError::Lagged(missed)) => screen.print(&format!("({missed} events were too fast for the screen)")),
                Err(RecvError::Closed) => return,
            },
            _ = answers.tick(), if story.is_answering() => screen.print_all(&story.look_for_answers()),
            _ = looks.tick(), if screen.is_live() => {
                let line = story.status().await;
                screen.status(line);
            }
        }
    }
}

fn proxy(listen: std::net::SocketAddr) -> ProxyConfig {
    ProxyConfig {
        listen: vec![listen],
        report_interval: LOOK,
        // Nobody is in front that would have to notice.
        drain: Drain {
            delay: Duration::ZERO,
            timeout: Duration::from_secs(5),
        },
        ..ProxyConfig::default()
    }
}

fn scaler() -> ScalerConfig {
    ScalerConfig {
        tick: LOOK,
        ..ScalerConfig::default()
    }
}
