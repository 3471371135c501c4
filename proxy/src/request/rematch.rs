//! A request whose workload was removed while it was held looks for its route once more.

use std::sync::Arc;

use http::Request;
use http::header;
use rouse_api::workload::Protocol;

use super::Exchange;
use crate::workload::Workload;

impl Exchange<'_> {
    /// Moves to the workload that now has the route. False: there is none, or it speaks another protocol than the head was made for.
    pub(super) fn match_again(&mut self) -> bool {
        let Some(workload) = self.successor() else {
            return false;
        };
        self.http = workload.http.load_full();
        self.workload = workload;
        true
    }

    fn successor(&self) -> Option<Arc<Workload>> {
        let head = self.head.as_ref()?;
        let table = self.shared.table.load_full()?;
        let found = if self.chosen {
            // The one that was named may have come back, and no other will do.
            table.workload(&self.workload.id)?
        } else {
            table.find(
                host(head, self.protocol)?,
                head.uri().path(),
                head.headers(),
            )?
        };
        (found.http.load().protocol == self.protocol).then(|| found.clone())
    }
}

/// The host that the client asked for, of a head that goes upstream.
pub(super) fn host(head: &Request<()>, protocol: Protocol) -> Option<&str> {
    match protocol {
        Protocol::Http1 | Protocol::Auto => head.headers().get(header::HOST)?.to_str().ok(),
        Protocol::H2c => head.uri().authority().map(http::uri::Authority::as_str),
    }
}
