//! A connection to one address.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::codegen::Service;
use tonic::transport::{Channel, Endpoint, Uri};

use super::Timing;
use crate::io::Io;
use crate::tls::Reloading;

/// What a scaler is called in requests; where it is and what its certificate is called are said elsewhere.
const ORIGIN: &str = "http://rouse-scaler";

pub(super) struct Dialer {
    tls: Option<Reloading<rustls::ClientConfig>>,
    name: ServerName<'static>,
    interval: Duration,
    timeout: Duration,
}

impl Dialer {
    pub(super) fn new(
        tls: Option<Reloading<rustls::ClientConfig>>,
        name: ServerName<'static>,
        timing: &Timing,
    ) -> Self {
        Self {
            tls,
            name,
            interval: timing.keepalive_interval,
            timeout: timing.keepalive_timeout,
        }
    }

    pub(super) async fn dial(
        &self,
        address: SocketAddr,
    ) -> Result<Channel, tonic::transport::Error> {
        let to = To {
            address,
            tls: self.tls.as_ref().map(Reloading::current),
            name: self.name.clone(),
        };
        Endpoint::from_static(ORIGIN)
            .http2_keep_alive_interval(self.interval)
            .keep_alive_timeout(self.timeout)
            .keep_alive_while_idle(true)
            .connect_with_connector(to)
            .await
    }
}

#[derive(Clone)]
struct To {
    address: SocketAddr,
    tls: Option<std::sync::Arc<rustls::ClientConfig>>,
    name: ServerName<'static>,
}

impl To {
    async fn connect(self) -> io::Result<TokioIo<Io>> {
        let socket = TcpStream::connect(self.address).await?;
        // A wake is one small packet.
        socket.set_nodelay(true)?;
        Ok(TokioIo::new(match self.tls {
            Some(tls) => Io::new(TlsConnector::from(tls).connect(self.name, socket).await?),
            None => Io::new(socket),
        }))
    }
}

impl Service<Uri> for To {
    type Response = TokioIo<Io>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        Box::pin(self.clone().connect())
    }
}
