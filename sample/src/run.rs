//! The process: start, signals, end.

use std::io::{self, Write};
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

use crate::ledger::{Event, Writer};
use crate::options::{OnTerm, Options};
use crate::server::Server;

/// Runs the sample service as this process: returns after a graceful stop on SIGTERM or SIGINT. Ends the process itself
/// when the options' `fail_start` or a request's `exit` says so.
///
/// # Errors
/// The address is taken, the ledger can't be opened, or signals can't be received.
pub async fn run(options: Options) -> io::Result<()> {
    let signals = Signals::new()?;
    let on_term = options.on_term;
    let ledger = Arc::new(Writer::open(options.ledger.as_deref())?);
    ledger.write(Event::Start {
        port: options.port(),
    });
    let stop = Notify::new();
    tokio::select! {
        served = serve(options, Arc::clone(&ledger), &stop) => served?,
        () = watch(signals, on_term, &stop) => {}
    }
    ledger.write(Event::Stop);
    Ok(())
}

async fn serve(options: Options, ledger: Arc<Writer>, stop: &Notify) -> io::Result<()> {
    let server = tokio::select! {
        server = start(&options, ledger) => server?,
        () = stop.notified() => return Ok(()),
    };
    let line = format!(
        "rouse-sample {} (pid {}) listens on {}://{}",
        options.name,
        std::process::id(),
        if options.tls.certificate.is_some() {
            "https"
        } else {
            "http"
        },
        server.local_addr()
    );
    // A closed standard output is no reason to stop.
    let _ = writeln!(io::stdout(), "{line}");
    server.serve(stop.notified()).await;
    Ok(())
}

async fn start(options: &Options, ledger: Arc<Writer>) -> io::Result<Server> {
    tokio::time::sleep(options.start_delay).await;
    if let Some(code) = options.fail_start {
        let _ = writeln!(
            io::stderr(),
            "rouse-sample {}: told to fail at start with code {code}",
            options.name
        );
        std::process::exit(i32::from(code));
    }
    Server::bind_with(options.clone(), ledger).await
}

/// Tells `stop` at the first signal that counts; returns when the process is to end at once.
async fn watch(mut signals: Signals, on_term: OnTerm, stop: &Notify) {
    signals.next(on_term).await;
    if on_term != OnTerm::Exit {
        stop.notify_one();
        signals.next(on_term).await;
    }
}

struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self, on_term: OnTerm) {
        loop {
            tokio::select! {
                _ = self.term.recv() => if on_term != OnTerm::Ignore { return },
                _ = self.int.recv() => return,
            }
        }
    }
}
