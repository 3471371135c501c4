use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use crate::tls::Tls;
use crate::units;

/// How the process behaves. Every flag is also an environment variable.
#[derive(Debug, Clone, PartialEq, clap::Args)]
pub struct Options {
    /// Port to listen on; 0 takes a free one [default: $PORT, else 8080]
    #[arg(long, env = "SAMPLE_PORT")]
    pub port: Option<u16>,
    /// What a platform says the port is; `port` goes first.
    #[arg(long, env = "PORT", hide = true)]
    pub platform_port: Option<u16>,
    /// Address to listen on
    #[arg(long, env = "SAMPLE_HOST", default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// Name in the greeting and in the log
    #[arg(long, env = "SAMPLE_NAME", default_value = "sample")]
    pub name: String,
    /// Wait this long before listening
    #[arg(long, env = "SAMPLE_START_DELAY", value_parser = units::duration, default_value = "0")]
    pub start_delay: Duration,
    /// Listen at once, but say "not ready" for this long
    #[arg(long, env = "SAMPLE_READY_AFTER", value_parser = units::duration, default_value = "0")]
    pub ready_after: Duration,
    /// Print a message and exit with this code instead of listening (after the start delay)
    #[arg(long, env = "SAMPLE_FAIL_START", value_name = "CODE")]
    pub fail_start: Option<u8>,
    /// Wait this long before each answer
    #[arg(long, env = "SAMPLE_LATENCY", value_parser = units::duration, default_value = "0")]
    pub latency: Duration,
    /// Use this much CPU time for each request
    #[arg(long, env = "SAMPLE_CPU", value_parser = units::duration, default_value = "0")]
    pub cpu: Duration,
    /// Fill this much memory and keep it
    #[arg(long, env = "SAMPLE_MEMORY", value_parser = units::size, default_value = "0")]
    pub memory: u64,
    /// Answer this share of the requests with 500, evenly spread
    #[arg(long, env = "SAMPLE_FAIL_RATE", value_parser = units::share, default_value = "0", value_name = "SHARE")]
    pub fail_rate: f64,
    /// Answer the first N requests with 500
    #[arg(long, env = "SAMPLE_FAIL_FIRST", default_value_t = 0, value_name = "N")]
    pub fail_first: u64,
    /// Streams at once on one HTTP/2 connection
    #[arg(
        long,
        env = "SAMPLE_MAX_STREAMS",
        default_value_t = 250,
        value_name = "N"
    )]
    pub max_streams: u32,
    /// What SIGTERM does
    #[arg(long, env = "SAMPLE_ON_TERM", value_enum, default_value_t = OnTerm::Drain)]
    pub on_term: OnTerm,
    /// Longest wait for requests in flight while draining
    #[arg(long, env = "SAMPLE_DRAIN_TIMEOUT", value_parser = units::duration, default_value = "60s")]
    pub drain_timeout: Duration,
    #[command(flatten)]
    /// What it speaks TLS with; plain text without.
    pub tls: Tls,
    /// Append what happens to this file, as JSON lines
    #[arg(long, env = "SAMPLE_LEDGER", value_name = "FILE")]
    pub ledger: Option<PathBuf>,
}

/// What SIGTERM does. SIGINT drains unless this is `Exit`; a second signal that isn't ignored ends the process at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum OnTerm {
    /// Finish what is in flight, then end
    Drain,
    /// End at once
    Exit,
    /// Nothing
    Ignore,
}

impl Options {
    /// The port to listen on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.or(self.platform_port).unwrap_or(8080)
    }
}

impl Default for Options {
    /// The flags' defaults, but a free port.
    fn default() -> Self {
        Self {
            port: Some(0),
            platform_port: None,
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            name: "sample".to_owned(),
            start_delay: Duration::ZERO,
            ready_after: Duration::ZERO,
            fail_start: None,
            latency: Duration::ZERO,
            cpu: Duration::ZERO,
            memory: 0,
            fail_rate: 0.0,
            fail_first: 0,
            max_streams: 250,
            on_term: OnTerm::Drain,
            drain_timeout: Duration::from_secs(60),
            tls: Tls::default(),
            ledger: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn default_is_what_the_flags_say() {
        let parsed = Cli::parse_from(["sample", "--port", "0"]).options;
        assert_eq!(
            parsed,
            Options {
                platform_port: parsed.platform_port,
                ..Options::default()
            }
        );
    }

    #[test]
    fn own_port_goes_before_the_platforms() {
        let platform = Options {
            port: None,
            platform_port: Some(7),
            ..Options::default()
        };
        assert_eq!(platform.port(), 7);
        assert_eq!(
            Options {
                port: Some(5),
                ..platform
            }
            .port(),
            5
        );
    }
}
