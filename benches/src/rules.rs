//! Looking for the rule of a request, in the list that comes with the binary and in lists of several sizes.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Duration;

use rouse_api::load;
use rouse_api::workload::Rule;
use rouse_proxy::rule::Rules;
use tokio::time::Instant;

use crate::error::{Error, Result};
use crate::setup;
use crate::stats::median;

/// The list that comes with the binary.
const BUILTIN: &str = include_str!("../../rouse/src/cli/rules.yaml");
/// Lookups between two looks at the clock.
const BATCH: usize = 10_000;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Time for each line
    #[arg(long, default_value_t = 2, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
}

const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
const MONITOR: &str = "Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)";

/// Gives the table.
pub(crate) fn run(options: &Options) -> Result<String> {
    let machine = setup::machine();
    let time = Duration::from_secs(options.seconds);
    let mut text = String::from("| rules | user agent | ns per request |\n|---|---|---:|\n");
    let builtin = read(BUILTIN)?;
    let paths = |count: usize| {
        let rule =
            |n| format!("- {{match: {{pathPrefixes: [/p{n}]}}, action: {{noWake: {{}}}}}}\n");
        let rules: String = (0..count).map(rule).collect();
        read(&format!("rules:\n{rules}"))
    };
    for (name, rules) in [
        ("none", Vec::new()),
        ("built in", builtin),
        ("4 of a path", paths(4)?),
        ("64 of a path", paths(64)?),
    ] {
        let rules = Rules::new(&rules);
        for (agent, value) in [
            ("curl", "curl/8.11.0"),
            ("a browser's", BROWSER),
            ("a monitor's", MONITOR),
        ] {
            let nanos = measure(rules.as_ref(), value, time)?;
            let _ = writeln!(text, "| {name} | {agent} | {nanos:.0} |");
        }
    }
    let _ = write!(text, "\n{machine}.");
    Ok(text)
}

fn read(text: &str) -> Result<Vec<Rule>> {
    load::rules("rules.yaml".as_ref(), text).map_err(|problems| Error(format!("{problems:?}")))
}

fn measure(rules: Option<&Rules>, agent: &str, time: Duration) -> Result<f64> {
    let value = agent
        .parse()
        .map_err(|_| Error(format!("{agent:?} is no header")))?;
    let mut headers = ::http::HeaderMap::new();
    for name in [
        "accept",
        "accept-encoding",
        "accept-language",
        "cookie",
        "x-request-id",
    ] {
        headers.insert(
            name,
            ::http::HeaderValue::from_static("some value of the usual length"),
        );
    }
    headers.insert(::http::header::USER_AGENT, value);
    let source = || std::net::IpAddr::from([192, 0, 2, 1]);
    let mut batches = Vec::new();
    let began = Instant::now();
    while began.elapsed() < time {
        let batch = Instant::now();
        for _ in 0..BATCH {
            let rules = black_box(rules);
            black_box(
                rules.and_then(|rules| {
                    rules.find("GET", black_box("/index.html"), &headers, source)
                }),
            );
        }
        batches.push(batch.elapsed().as_nanos() as f64 / BATCH as f64);
    }
    Ok(median(&batches))
}
