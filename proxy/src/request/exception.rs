//! Requests that are not simply demand: what rules, a wake's needs and `whileWaking` make of them.

use std::sync::Arc;

use http::Request;
use http::header::HeaderMap;

use crate::client::Client;
use crate::edge::{self, Action, Fixed, caller, is_navigation};
use crate::forward::AnswerBody;
use crate::metrics::Exception;
use crate::shared::Shared;
use crate::workload::{Guest, Instead, Manner, Settings, Workload};

/// How a request is treated.
pub(super) enum Treatment {
    /// Answered at once.
    Respond(Arc<Fixed>),
    Forward {
        manner: Manner,
        /// What it gets when it may not wake the workload, if that is said.
        asleep: Option<Arc<Fixed>>,
    },
}

impl Treatment {
    const DEMAND: Self = Self::Forward {
        manner: Manner::DEMAND,
        asleep: None,
    };

    /// The first rule that matches decides: the workload's own, then the proxy's.
    pub(super) fn of<B>(
        shared: &Shared,
        client: &Client,
        settings: &Settings,
        request: &Request<B>,
    ) -> Self {
        let action = [settings.rules.as_ref(), shared.rules.as_ref()]
            .into_iter()
            .flatten()
            .find_map(|rules| {
                let headers = request.headers();
                let source = || {
                    let trusts = |ip| shared.config.trusts(ip);
                    edge::source(client.peer.ip(), headers, trusts)
                };
                rules.action(
                    request.method().as_str(),
                    request.uri().path(),
                    headers,
                    source,
                )
            });
        match action {
            Some(Action::Respond(fixed)) => Self::Respond(fixed.clone()),
            Some(Action::NoWake(asleep)) => Self::Forward {
                manner: Manner::UNCOUNTED,
                asleep: asleep.clone(),
            },
            None | Some(Action::Wake) if settings.may_wake(request.headers()) => Self::DEMAND,
            None | Some(Action::Wake) => Self::Forward {
                manner: Manner::GUEST,
                asleep: None,
            },
        }
    }
}

/// What a request gets instead of being held.
pub(super) enum Other {
    Answer(Box<http::Response<AnswerBody>>, Exception),
    Fallback(Guest),
}

/// Of a request that wakes the workload. `None`: it is awake, or the request is held.
pub(super) fn instead<B>(
    settings: &Settings,
    workload: &Arc<Workload>,
    request: &Request<B>,
    host: &str,
    grpc: bool,
) -> Option<Other> {
    let instead = settings.instead.as_ref()?;
    let headers: &HeaderMap = request.headers();
    let who = || caller(request.method().as_str(), host, headers);
    match instead {
        Instead::Page if !is_navigation(request.method(), headers) || grpc => None,
        Instead::Page => {
            let waking = workload.visit(false, who)?;
            let name = crate::route::normal_host(host);
            Some(Other::Answer(
                Box::new(edge::page(&name, &waking)),
                Exception::Page,
            ))
        }
        Instead::Respond(fixed) => {
            workload.visit(true, who)?;
            Some(Other::Answer(
                Box::new(fixed.answer()),
                Exception::WhileWaking,
            ))
        }
        Instead::Fallback => {
            // Without it the request is held, and counts as that.
            let guest = workload.fallback()?;
            workload.visit(true, who)?;
            Some(Other::Fallback(guest))
        }
    }
}
