//! The link's keys: from files, or made by the scalers themselves.

use prometheus_client::registry::Registry;
use rouse_kubernetes::certificates::{self, Made, State};
use rouse_link::tls::{TlsConfig, TlsKeys};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::cli::ScalerArgs;
use crate::error::Error;

/// Where they come from.
pub(super) enum Keys {
    Read(TlsConfig),
    Made(watch::Receiver<State>),
}

impl Keys {
    /// Begins to make them, if they are to be made.
    pub(super) fn start(
        args: &ScalerArgs,
        client: &kube::Client,
        registry: &mut Registry,
        stop: &CancellationToken,
    ) -> Result<Self, Error> {
        let config = args.certificates.config();
        let config = config.map_err(|problem| Error::Usage(format!("rouse: {problem}")))?;
        Ok(match config {
            None => Self::Read(args.tls.config()),
            Some(config) => {
                let state = certificates::run(client.clone(), &config, registry, stop.clone());
                Self::Made(state)
            }
        })
    }

    /// What is waited for.
    pub(super) fn missing(&self) -> Option<String> {
        let Self::Made(state) = self else {
            return None;
        };
        let state = state.borrow();
        if state.made.is_some() {
            return None;
        }
        let why = state.problem.as_deref().unwrap_or("being made");
        Some(format!("the link's certificates: {why}"))
    }

    /// How the link is protected; returns when there are keys.
    pub(super) async fn tls(&self) -> TlsConfig {
        match self {
            Self::Read(config) => config.clone(),
            Self::Made(state) => TlsConfig::Given(follow(state.clone()).await),
        }
    }
}

/// The keys in the link's own words, for as long as they are made.
async fn follow(mut state: watch::Receiver<State>) -> watch::Receiver<TlsKeys> {
    let first = loop {
        if let Some(keys) = keys(&mut state) {
            break keys;
        }
        if state.changed().await.is_err() {
            // The process is ending.
            std::future::pending::<()>().await;
        }
    };
    let (give, given) = watch::channel(first);
    tokio::spawn(async move {
        while state.changed().await.is_ok() {
            if let Some(new) = keys(&mut state) {
                give.send_if_modified(|keys| {
                    let changed = *keys != new;
                    *keys = new;
                    changed
                });
            }
        }
    });
    given
}

fn keys(state: &mut watch::Receiver<State>) -> Option<TlsKeys> {
    let made: Made = state.borrow_and_update().made.clone()?;
    Some(TlsKeys {
        ca: made.ca.into_bytes(),
        certificate: made.certificate.into_bytes(),
        key: made.key.into_bytes(),
    })
}
