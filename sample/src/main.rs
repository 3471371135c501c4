//! The sample service as a program of its own.

use clap::Parser;

/// A service to try Rouse with: HTTP/1.1, h2c, gRPC, WebSocket and SSE, with knobs.
#[derive(Parser)]
#[command(name = "rouse-sample", version)]
struct Cli {
    #[command(flatten)]
    options: rouse_sample::Options,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    rouse_sample::run(Cli::parse().options).await
}
