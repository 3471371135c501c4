//! Guards over the pure core: a permit that returns itself, a wait that leaves the line by itself.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::core::{Grant, Stages, Ticket, Verdict};
use super::handle::{Refusal, Workload};
use crate::endpoint::{Dial, Endpoint};

/// One request in flight on one endpoint. Dropped: it has ended.
#[derive(Debug)]
pub(crate) struct Permit {
    workload: Arc<Workload>,
    slot: usize,
    counts: bool,
    endpoint: Arc<Endpoint>,
    dial: Dial,
    stages: Stages,
}

impl Permit {
    pub(super) fn new(workload: Arc<Workload>, grant: Grant) -> Self {
        Self {
            workload,
            slot: grant.slot,
            counts: grant.counts,
            endpoint: grant.endpoint,
            dial: grant.dial,
            stages: grant.stages,
        }
    }

    pub(crate) fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// How the endpoint is reached.
    pub(crate) fn dial(&self) -> Dial {
        self.dial
    }

    /// When the replicas of this wake were first seen.
    pub(crate) fn stages(&self) -> Stages {
        self.stages
    }

    /// An answer's head has come.
    pub(crate) fn head(&self) {
        self.workload.head(self.slot);
    }

    /// The endpoint did not take (`connect`) or did not answer the request.
    pub(crate) fn failed(&self, connect: bool) {
        self.workload
            .failed(self.slot, &self.endpoint, self.dial, connect);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.workload.release(self.slot, self.counts);
    }
}

/// A place in the line. Ready with a permit or a refusal; dropped: the place is free at once.
#[derive(Debug)]
pub(crate) struct Wait {
    workload: Arc<Workload>,
    ticket: Ticket,
    verdict: Option<oneshot::Receiver<Verdict>>,
}

impl Wait {
    pub(super) fn new(
        workload: Arc<Workload>,
        ticket: Ticket,
        verdict: oneshot::Receiver<Verdict>,
    ) -> Self {
        Self {
            workload,
            ticket,
            verdict: Some(verdict),
        }
    }
}

impl Future for Wait {
    type Output = Result<Permit, Refusal>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(verdict) = self.verdict.as_mut() else {
            return Poll::Ready(Err(Refusal::Removed));
        };
        let verdict = std::task::ready!(Pin::new(verdict).poll(cx));
        self.verdict = None;
        Poll::Ready(match verdict {
            Ok(Verdict::Go(grant)) => Ok(Permit::new(self.workload.clone(), grant)),
            Ok(Verdict::Failed(failure)) => Err(Refusal::Failed(failure)),
            Ok(Verdict::Asleep) => Err(Refusal::Asleep),
            Ok(Verdict::Removed) | Err(_) => Err(Refusal::Removed),
        })
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let Some(mut verdict) = self.verdict.take() else {
            return;
        };
        if !self.workload.leave(self.ticket, Instant::now())
            && let Ok(Verdict::Go(grant)) = verdict.try_recv()
        {
            // Granted in the moment of leaving: the permit goes back.
            drop(Permit::new(self.workload.clone(), grant));
        }
    }
}
