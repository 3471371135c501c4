use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use rouse_simulate::Settings;
use rouse_simulate::trace::Kind;

use super::value;

const AFTER_HELP: &str = "\
Examples:
  rouse simulate --generate all
  rouse simulate --generate bursty --seed 7 --start-up 10s --plot bursty.svg
  rouse simulate --generate on-off --workloads 1000 --rate 0.01 --json
  rouse simulate --trace simulate/traces/office.csv --capacity 4

A trace is CSV with the header time,workload,duration: seconds since its beginning, a name, seconds of work.
Compared are Rouse (its own demand windows and decide), Knative's defaults, an HPA on concurrency, always on
with what the peak needs, and a clairvoyant bound. Delayed are requests that waited at all; p50 and p99 are of
their waits. over and under: replica-seconds more, or fewer ready, than the requests at work needed.

Exit status: 0 all well, 1 the plot could not be written, 2 bad input, with the line and the field.";

/// Flags of `rouse simulate`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
#[command(group = clap::ArgGroup::new("input").required(true).args(["trace", "generate"]))]
pub(crate) struct SimulateArgs {
    /// A trace to replay
    #[arg(long, env = "ROUSE_TRACE", value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
    /// A trace to make and replay
    #[arg(long, env = "ROUSE_GENERATE", value_name = "KIND", value_enum)]
    pub(crate) generate: Option<Generate>,
    /// Of what is generated: the same seed, the same trace
    #[arg(
        long,
        env = "ROUSE_SEED",
        value_name = "NUMBER",
        default_value_t = 1,
        help_heading = "Generated traces"
    )]
    pub(crate) seed: u64,
    /// Of what is generated: how many workloads
    #[arg(long, env = "ROUSE_WORKLOADS", value_name = "COUNT", value_parser = value::count, default_value = "20", help_heading = "Generated traces")]
    pub(crate) workloads: usize,
    /// Of what is generated: how long
    #[arg(long, env = "ROUSE_LENGTH", value_name = "DURATION", value_parser = length, default_value = "24h", help_heading = "Generated traces")]
    pub(crate) length: Duration,
    /// Of what is generated: requests per second; each workload's own is from a tenth to ten times of it
    #[arg(long, env = "ROUSE_RATE", value_name = "NUMBER", value_parser = rate, default_value = "1", help_heading = "Generated traces")]
    pub(crate) rate: f64,
    /// Of what is generated: a request's mean duration
    #[arg(long, env = "ROUSE_DURATION", value_name = "DURATION", value_parser = value::positive_duration, default_value = "1s", help_heading = "Generated traces")]
    pub(crate) duration: Duration,
    /// From the moment a replica is asked for until it takes requests
    #[arg(long, env = "ROUSE_START_UP", value_name = "DURATION", value_parser = value::duration, default_value = "3s")]
    start_up: Duration,
    /// Requests a replica serves at once; others wait
    #[arg(long, env = "ROUSE_CAPACITY", value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..), default_value = "10")]
    capacity: u32,
    /// The part of the capacity to scale for, in percent
    #[arg(long, env = "ROUSE_UTILIZATION", value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=100), default_value = "70")]
    utilization: u8,
    /// Never fewer replicas
    #[arg(long, env = "ROUSE_MIN", value_name = "COUNT", default_value_t = 0)]
    min: u32,
    /// Never more replicas
    #[arg(long, env = "ROUSE_MAX", value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=10_000), default_value = "50")]
    max: u32,
    /// Rouse's and Knative's smallest count other than zero
    #[arg(long, env = "ROUSE_ON_WAKE", value_name = "COUNT", default_value_t = 1)]
    on_wake: u32,
    /// Rouse sleeps after this long without demand; Knative after its stable window
    #[arg(long, env = "ROUSE_IDLE_AFTER", value_name = "DURATION", value_parser = value::duration, default_value = "60s")]
    idle_after: Duration,
    /// Rouse's and Knative's stable window
    #[arg(long, env = "ROUSE_STABLE_WINDOW", value_name = "DURATION", value_parser = value::positive_duration, default_value = "60s")]
    stable_window: Duration,
    /// Print JSON instead of tables
    #[arg(long, env = "ROUSE_JSON")]
    pub(crate) json: bool,
    /// Write demand, replicas and held requests over time to this file, as SVG
    #[arg(long, env = "ROUSE_PLOT", value_name = "FILE")]
    pub(crate) plot: Option<PathBuf>,
}

/// What can be generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Generate {
    /// All of those below, one after the other
    All,
    /// Always the same rate
    Steady,
    /// Little, with short bursts
    Bursty,
    /// Nothing at night, most at noon
    Diurnal,
    /// Some minutes on, most of the hour off
    OnOff,
    /// Little, and once a hundred times as much
    FlashCrowd,
}

impl Generate {
    /// Each on its own.
    pub(crate) fn kinds(self) -> Vec<Kind> {
        match self {
            Self::All => Kind::ALL.into(),
            Self::Steady => vec![Kind::Steady],
            Self::Bursty => vec![Kind::Bursty],
            Self::Diurnal => vec![Kind::Diurnal],
            Self::OnOff => vec![Kind::OnOff],
            Self::FlashCrowd => vec![Kind::FlashCrowd],
        }
    }
}

impl SimulateArgs {
    /// What is the same for every policy.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            start_up: self.start_up,
            capacity: self.capacity,
            utilization: f64::from(self.utilization) / 100.0,
            min: self.min,
            max: self.max,
            on_wake: self.on_wake,
            idle_after: self.idle_after,
            stable_window: self.stable_window,
        }
    }
}

fn length(text: &str) -> Result<Duration, String> {
    let most = Duration::from_secs(31 * 86_400);
    match value::positive_duration(text)? {
        long if long > most => Err("it must be at most 744h, a month".to_owned()),
        length => Ok(length),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.0..=1000.0).contains(&rate) && rate > 0.0 => Ok(rate),
        _ => Err(format!(
            "{text:?} is not a number of requests per second above 0 and at most 1000"
        )),
    }
}
