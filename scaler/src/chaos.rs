//! For the simulation in `chaos/`: the parts of the shell that it drives without tasks.

use futures_now::now_or_never;
use rouse_api::link::ToProxy;

use crate::shell::Outbox;

mod futures_now {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    pub(super) fn now_or_never<T>(future: impl Future<Output = T>) -> Option<T> {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }
}

/// What waits for one proxy.
#[derive(Debug, Default)]
pub struct Seat(Outbox);

impl Seat {
    /// Queues a message.
    pub fn put(&self, message: ToProxy) {
        self.0.put(message);
    }

    /// The message that goes out next.
    #[must_use]
    pub fn next(&self) -> Option<ToProxy> {
        now_or_never(self.0.next())
    }
}
