//! What a workload is told to do, made ready for use.

use std::ops::Deref;
use std::sync::Arc;

use http::HeaderName;
use http::header::HeaderMap;
use rouse_api::workload::{Http, WhileWaking, WorkloadId};

use crate::edge::{Fixed, Rules};
use crate::tls::{TlsStore, WorkloadTls};

/// Made anew when a workload's settings change, not per request.
#[derive(Debug)]
pub(crate) struct Settings {
    http: Arc<Http>,
    /// `None`: there are none.
    pub(crate) rules: Option<Rules>,
    /// Each must be there for a request to wake it.
    required: Box<[HeaderName]>,
    /// `None`: they are held.
    pub(crate) instead: Option<Instead>,
    tls: Option<WorkloadTls>,
}

/// What becomes of requests that wake it, instead of being held.
#[derive(Debug)]
pub(crate) enum Instead {
    Page,
    Fallback,
    Respond(Fixed),
}

impl Settings {
    pub(super) fn new(id: &WorkloadId, http: Arc<Http>, tls: &Arc<TlsStore>) -> Self {
        let required = http.wake_requires.iter().flat_map(|wake| &wake.headers);
        Self {
            rules: Rules::new(&http.rules),
            // What is no header (validation lets none through) is in no request.
            required: required
                .filter_map(|name| HeaderName::try_from(name).ok())
                .collect(),
            instead: match &http.while_waking {
                WhileWaking::Hold => None,
                WhileWaking::Page => Some(Instead::Page),
                WhileWaking::Fallback(_) => Some(Instead::Fallback),
                WhileWaking::Respond(respond) => Some(Instead::Respond(Fixed::new(respond))),
            },
            tls: tls.of(id, &http.tls),
            http,
        }
    }

    /// How TLS is spoken to its replicas; `None`: they are dialled in plain text.
    pub(crate) fn tls(&self) -> Option<&WorkloadTls> {
        self.tls.as_ref()
    }

    /// Whether these settings were made of that.
    pub(super) fn are_of(&self, http: &Arc<Http>) -> bool {
        Arc::ptr_eq(&self.http, http)
    }

    /// Whether a request may wake it.
    pub(crate) fn may_wake(&self, headers: &HeaderMap) -> bool {
        let there = |name| headers.get(name).is_some_and(|value| !value.is_empty());
        self.required.iter().all(there)
    }
}

impl Deref for Settings {
    type Target = Http;

    fn deref(&self) -> &Http {
        &self.http
    }
}
