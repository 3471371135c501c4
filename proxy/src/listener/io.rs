//! A client's socket as hyper sees it: with the bytes that detection took, watched for ambiguous heads.

use std::io::{self, IoSlice};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::framing::Framing;
use crate::client::Client;

pub(super) struct ClientIo {
    stream: TcpStream,
    first: Bytes,
    /// None for HTTP/2, whose framing is not ambiguous, and for tunnels.
    framing: Option<Framing>,
    client: Arc<Client>,
}

impl ClientIo {
    pub(super) fn new(
        stream: TcpStream,
        first: Bytes,
        framing: Option<Framing>,
        client: Arc<Client>,
    ) -> Self {
        Self {
            stream,
            first,
            framing,
            client,
        }
    }

    fn watch(&mut self, bytes: &[u8]) {
        if self.framing.is_some() && self.client.is_tunnel() {
            self.framing = None;
        }
        if let Some(framing) = &mut self.framing
            && !bytes.is_empty()
        {
            framing.pass(bytes, &self.client);
        }
    }
}

impl AsyncRead for ClientIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        if this.first.is_empty() {
            std::task::ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        } else {
            let length = this.first.len().min(buf.remaining());
            buf.put_slice(&this.first[..length]);
            this.first.advance(length);
        }
        this.watch(&buf.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ClientIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper flushes each time it has polled a request: the moment to grant its wish.
        if self.client.wants_handle()
            && let Ok(handle) = self.stream.as_fd().try_clone_to_owned()
        {
            self.client.give_handle(handle);
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
