//! For the simulation in `chaos/`: the proxy's side of the link without tasks and sockets.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use rouse_api::link::{MemberId, Term, ToProxy, ToScaler};
use tokio::time::Instant;

use super::Timing;
use super::metrics::Metrics;
use super::mux::Mux;
use super::outbox::Outbox;
use crate::convert::{
    FromScaler, Malformed, read_from_proxy, read_from_scaler, read_member, write_from_proxy,
    write_from_scaler, write_member,
};
use crate::delta::{Decoder, Encoder};

/// A proxy's link.
#[derive(Debug)]
pub struct Ends(Mux);

/// What waits for one scaler.
#[derive(Debug, Clone, Default)]
pub struct Outgoing(Arc<Outbox>);

impl Outgoing {
    /// The message that goes out next.
    #[must_use]
    pub fn next(&self) -> Option<ToScaler> {
        match pin!(self.0.next()).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(message) => message,
            Poll::Pending => None,
        }
    }
}

impl Ends {
    /// Without any scaler.
    #[must_use]
    pub fn new(timing: &Timing, now: Instant) -> Self {
        Self(Mux::new(timing, Metrics::default(), now))
    }

    /// An address begins to be tried.
    pub fn add(&mut self, address: SocketAddr, now: Instant) {
        self.0.add(address, now);
    }

    /// A scaler has welcomed the proxy.
    pub fn up(&mut self, address: SocketAddr, out: &Outgoing, now: Instant) -> Vec<ToProxy> {
        self.0.up(address, address.to_string(), out.0.clone(), now)
    }

    /// A connection has ended.
    pub fn down(&mut self, address: SocketAddr, now: Instant) -> Vec<ToProxy> {
        self.0.down(address, "ended".to_owned(), now)
    }

    /// A scaler has said something.
    pub fn heard(&mut self, address: SocketAddr, said: ToProxy, now: Instant) -> Vec<ToProxy> {
        self.0.heard(address, said, now)
    }

    /// The proxy has said something.
    pub fn said(&mut self, message: ToScaler, now: Instant) {
        self.0.said(message, now);
    }

    /// When [`tick`](Self::tick) is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.0.deadline()
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Instant) -> Vec<ToProxy> {
        self.0.tick(now)
    }

    /// The highest term that any scaler has led in.
    #[must_use]
    pub fn term(&self) -> Option<Term> {
        self.0.term()
    }
}

/// One connection as it changes what goes over it.
#[derive(Debug, Default)]
pub struct Wire {
    encoder: Encoder,
    decoder: Decoder,
}

impl Wire {
    /// A proxy's name, as the scaler reads it.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn member(member: &MemberId) -> Result<MemberId, Malformed> {
        read_member("hello.member", write_member(member))
    }

    /// A proxy's message, as the scaler reads it.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn up(message: &ToScaler) -> Result<Option<ToScaler>, Malformed> {
        read_from_proxy(write_from_proxy(message))
    }

    /// A scaler's message, as the proxy reads it.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn down(&mut self, message: ToProxy) -> Result<Vec<ToProxy>, Malformed> {
        let mut read = Vec::new();
        if let ToProxy::Routes(routes) = message {
            for part in self.encoder.encode(routes) {
                read.extend(self.decoder.decode(part)?.map(ToProxy::Routes));
            }
        } else if let Some(message) = write_from_scaler(&message)
            && let FromScaler::Say(message) = read_from_scaler(message)?
        {
            read.push(message);
        }
        Ok(read)
    }
}
