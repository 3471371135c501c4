//! What happens, as lines for people.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rouse_api::workload::WorkloadId;
use rouse_scaler::controller::{EventKind, WakeStages};
use rouse_scaler::{WorkloadEvent, WorkloadStatus};
use tokio::time::Instant;

use super::ports;
use crate::cli::DemoArgs;
use crate::gateway::Gateway;

/// A wake is told to its end for so long; past it the answers are simply long.
const ANSWERING: Duration = Duration::from_secs(10);

/// What to know and what to type.
pub(super) fn welcome(listen: SocketAddr, admin: SocketAddr, args: &DemoArgs) -> String {
    let mut text = format!(
        "\
Rouse is in front of `hello`, a sample service. It is asleep now: no process runs.

  gateway  http://{listen}{}
  admin    http://{admin}{}

Type in another terminal:
  curl -i http://{listen}/             wake it; Server-Timing tells what the wait was made of
  for i in $(seq 20); do curl -s http://{listen}/ & done; wait
  curl -s http://{admin}/status        what Rouse knows (/metrics, /readyz, /livez too)
",
        moved(listen, ports::GATEWAY),
        moved(admin, ports::ADMIN),
    );
    text.push_str(&format!(
        "\nIt takes {} to start, and sleeps again after {} without a request. Ctrl-C ends everything.\n",
        seconds(args.start_delay),
        seconds(args.idle_after),
    ));
    text
}

fn moved(address: SocketAddr, usual: u16) -> String {
    if address.port() == usual {
        return String::new();
    }
    format!("  (port {usual} is taken)")
}

pub(super) struct Story {
    workload: WorkloadId,
    idle_after: Duration,
    gateway: Arc<Gateway>,
    began: Instant,
    answering: Option<Answering>,
}

/// A wake whose requests are on their way.
struct Answering {
    stages: WakeStages,
    since: Instant,
}

impl Story {
    pub(super) fn new(workload: WorkloadId, idle_after: Duration, gateway: Arc<Gateway>) -> Self {
        Self {
            workload,
            idle_after,
            gateway,
            began: Instant::now(),
            answering: None,
        }
    }

    /// The lines of one event.
    pub(super) fn event(&mut self, event: &WorkloadEvent) -> Vec<String> {
        let lines = lines(event);
        if let EventKind::Woke(stages) = event.kind {
            self.answering = (stages.held > 0).then(|| Answering {
                stages,
                since: Instant::now(),
            });
        }
        let at = self.began.elapsed();
        lines.into_iter().map(|line| stamped(at, &line)).collect()
    }

    pub(super) fn is_answering(&self) -> bool {
        self.answering.is_some()
    }

    /// A line when the requests that were held are answered, or take long.
    pub(super) fn look_for_answers(&mut self) -> Vec<String> {
        let Some(Answering { stages, since }) = &self.answering else {
            return Vec::new();
        };
        let took = since.elapsed();
        let line = if self.gateway.unanswered(&self.workload) == 0 {
            answered(stages, took)
        } else if took > ANSWERING {
            "  requests are still on their way".to_owned()
        } else {
            return Vec::new();
        };
        self.answering = None;
        vec![stamped(self.began.elapsed(), &line)]
    }

    /// For the line that is rewritten.
    pub(super) async fn status(&self) -> String {
        let status = self.gateway.scaler_status().await;
        let found = status
            .workloads
            .iter()
            .find(|one| one.workload == self.workload);
        found.map_or_else(String::new, |one| status_line(one, self.idle_after))
    }
}

fn lines(event: &WorkloadEvent) -> Vec<String> {
    let name = event.workload.name();
    match &event.kind {
        EventKind::Waking { cause, replicas } => {
            let plural = if *replicas == 1 { "" } else { "es" };
            vec![format!(
                "{name} wakes: {cause}; {replicas} process{plural} to start"
            )]
        }
        EventKind::Woke(stages) => vec![
            format!("  asked -> process started   {:>10}", millis(stages.start)),
            format!("  started -> port ready      {:>10}", millis(stages.ready)),
        ],
        EventKind::Slept { why } => vec![format!("{name} sleeps: {why}")],
        EventKind::Failed {
            reason, message, ..
        } => {
            let mut lines = vec![format!("{name} failed: {reason}")];
            lines.extend(message.lines().map(|line| format!("  {line}")));
            lines
        }
        kind => vec![format!("{name} {kind}")],
    }
}

fn answered(stages: &WakeStages, took: Duration) -> String {
    let requests = match stages.held {
        1 => "1 request".to_owned(),
        held => format!("{held} requests"),
    };
    format!(
        "  ready -> answered          {:>10}   {requests}, {} in all",
        millis(took),
        millis(stages.total + took)
    )
}

fn status_line(status: &WorkloadStatus, idle_after: Duration) -> String {
    let plural = if status.ready == 1 { "" } else { "s" };
    let mut line = format!(
        "[{}] {} replica{plural} ready, {} in flight, {} held",
        status.phase, status.ready, status.in_flight, status.held
    );
    let idle = status.idle_seconds.filter(|idle| *idle > 0.0);
    if let Some(idle) = idle.filter(|_| status.phase == "awake") {
        let left = (idle_after.as_secs_f64() - idle).max(0.0).ceil();
        line.push_str(&format!(", sleeps in {left} s"));
    }
    line
}

fn stamped(at: Duration, line: &str) -> String {
    format!("{:>8.3}  {line}", at.as_secs_f64())
}

fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use rouse_scaler::controller::WakeCause;

    use super::*;

    fn told(kind: EventKind) -> String {
        let workload = WorkloadId::new("default", "hello");
        lines(&WorkloadEvent { workload, kind }).join("\n")
    }

    #[test]
    fn a_wake_has_its_stages() {
        let cause = WakeCause::Held { held: 1 };
        let text = told(EventKind::Waking { cause, replicas: 1 });
        assert_eq!(text, "hello wakes: a request is held; 1 process to start");
        let ms = Duration::from_millis;
        let stages = WakeStages {
            start: ms(2),
            ready: ms(300),
            total: ms(302),
            held: 20,
        };
        let text = told(EventKind::Woke(stages));
        assert!(
            text.contains("2.0 ms") && text.contains("300.0 ms"),
            "{text}"
        );
        let text = answered(&stages, ms(3));
        assert!(
            text.contains("3.0 ms") && text.contains("20 requests, 305.0 ms in all"),
            "{text}"
        );
    }

    #[test]
    fn a_sleep_says_why_and_a_failure_its_cause() {
        let why = "no demand for 10 s".to_owned();
        assert_eq!(
            told(EventKind::Slept { why }),
            "hello sleeps: no demand for 10 s"
        );
        let text = told(EventKind::Failed {
            reason: "StartError".to_owned(),
            message: "no such file\nlast line".to_owned(),
            waking: true,
        });
        assert_eq!(
            text,
            "hello failed: StartError\n  no such file\n  last line"
        );
    }

    #[test]
    fn moved_ports_are_said() {
        let args = DemoArgs {
            idle_after: Duration::from_secs(10),
            start_delay: Duration::from_millis(300),
        };
        let at = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let text = welcome(at(8081), at(9090), &args);
        assert!(text.contains("curl -i http://127.0.0.1:8081/"), "{text}");
        assert_eq!(text.matches("is taken").count(), 1);
    }
}
