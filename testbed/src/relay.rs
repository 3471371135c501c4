//! The way from outside into the namespace: a port of the machine's loopback, to a unix socket that both sides see, to the
//! API server.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::error::Error;
use crate::network::API_PORT;

/// Connections under way at once, on either side.
const CONNECTIONS: usize = 1024;

fn socket(folder: &Path) -> PathBuf {
    folder.join("relay.sock")
}

/// The outer process's half; ends with the task.
pub(crate) async fn outside(listener: TcpListener, folder: PathBuf) {
    let mut connections = JoinSet::new();
    loop {
        room(&mut connections).await;
        match listener.accept().await {
            Ok((client, _)) => {
                let path = socket(&folder);
                connections.spawn(async move {
                    let inner = UnixStream::connect(path).await?;
                    carry(client, inner).await
                });
            }
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

/// The half inside, which waits to be polled.
///
/// # Errors
/// The socket can't be bound.
pub(crate) fn inside(folder: &Path) -> Result<impl Future<Output = ()> + use<>, Error> {
    let path = socket(folder);
    // Of a testbed that was here before, in the same namespace.
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).map_err(Error::io(path.display().to_string()))?;
    Ok(async move {
        let mut connections = JoinSet::new();
        loop {
            room(&mut connections).await;
            match listener.accept().await {
                Ok((outer, _)) => {
                    connections.spawn(async move {
                        let api = SocketAddr::from((Ipv4Addr::LOCALHOST, API_PORT));
                        carry(outer, TcpStream::connect(api).await?).await
                    });
                }
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    })
}

/// Takes the word of those that have ended, and waits while there are too many.
async fn room(connections: &mut JoinSet<io::Result<()>>) {
    while connections.try_join_next().is_some() {}
    if connections.len() >= CONNECTIONS {
        connections.join_next().await;
    }
}

async fn carry<A, B>(mut one: A, mut other: B) -> io::Result<()>
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    copy_bidirectional(&mut one, &mut other).await.map(drop)
}
