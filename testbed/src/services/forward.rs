//! One port of one Service: connections in, each to one endpoint.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

/// As many as the queue of a busy server has.
const BACKLOG: u32 = 1024;
/// Connections that one port carries at once.
const CONNECTIONS: usize = 16 * 1024;
/// Until an endpoint has taken the connection. Its address is local: it does or it doesn't.
const CONNECT: Duration = Duration::from_secs(5);

/// Listens until dropped. What was accepted goes on: kube-proxy does not cut connections of a Service that changes either.
#[derive(Debug)]
pub(super) struct Listener {
    backends: Arc<Mutex<Backends>>,
    _task: AbortOnDropHandle<()>,
}

#[derive(Debug)]
struct Backends {
    addresses: Vec<SocketAddr>,
    next: usize,
}

impl Backends {
    fn next(&mut self) -> Option<SocketAddr> {
        self.next = self.next.wrapping_add(1);
        let index = self.next.checked_rem(self.addresses.len())?;
        self.addresses.get(index).copied()
    }
}

impl Listener {
    pub(super) fn open(address: SocketAddr, addresses: Vec<SocketAddr>) -> io::Result<Self> {
        let listener = listen(address)?;
        let backends = Arc::new(Mutex::new(Backends { addresses, next: 0 }));
        let task = tokio::spawn(accept(listener, Arc::clone(&backends)));
        Ok(Self {
            backends,
            _task: AbortOnDropHandle::new(task),
        })
    }

    pub(super) fn set(&self, addresses: Vec<SocketAddr>) {
        self.backends.lock().addresses = addresses;
    }
}

/// At once, without a runtime's turn in between: who sees the endpoint ready may connect the next moment.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn accept(listener: TcpListener, backends: Arc<Mutex<Backends>>) {
    let mut connections = Detached::default();
    loop {
        connections.room().await;
        match listener.accept().await {
            Ok((client, _)) => {
                let backend = backends.lock().next();
                connections.0.spawn(async move {
                    if let Some(backend) = backend {
                        forward(client, backend).await;
                    }
                });
            }
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

/// A reset on one side is a reset on the other; so is an endpoint that refuses.
async fn forward(mut client: TcpStream, backend: SocketAddr) {
    let Ok(Ok(mut upstream)) = timeout(CONNECT, TcpStream::connect(backend)).await else {
        let _ = client.set_zero_linger();
        return;
    };
    let _ = client.set_nodelay(true);
    let _ = upstream.set_nodelay(true);
    if copy_bidirectional(&mut client, &mut upstream)
        .await
        .is_err()
    {
        let _ = client.set_zero_linger();
        let _ = upstream.set_zero_linger();
    }
}

/// Connections that go on when their listener is gone.
#[derive(Default)]
struct Detached(JoinSet<()>);

impl Detached {
    /// Takes note of those that have ended, and waits while there are too many.
    async fn room(&mut self) {
        while self.0.try_join_next().is_some() {}
        if self.0.len() >= CONNECTIONS {
            self.0.join_next().await;
        }
    }
}

impl Drop for Detached {
    fn drop(&mut self) {
        self.0.detach_all();
    }
}
