//! The cluster's DNS, on its usual address, over UDP and TCP.

mod answer;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::error::Error;
use crate::network;
use crate::services::table::Table;

/// Connections at once; more wait in the backlog.
const CONNECTIONS: usize = 256;
/// A connection without a question.
const IDLE: Duration = Duration::from_secs(10);
/// The largest question that is read over UDP; there is one name in it.
const QUESTION: usize = 1500;

/// Answers until dropped.
#[derive(Debug)]
pub(crate) struct Dns {
    _tasks: [AbortOnDropHandle<()>; 2],
}

impl Dns {
    pub(crate) async fn start(table: Arc<RwLock<Table>>) -> Result<Self, Error> {
        let address = SocketAddr::from((network::DNS, 53));
        let told = || Error::io(format!("DNS: {address}"));
        let udp = UdpSocket::bind(address).await.map_err(told())?;
        let tcp = TcpListener::bind(address).await.map_err(told())?;
        let tasks = [
            tokio::spawn(serve_udp(udp, Arc::clone(&table))),
            tokio::spawn(serve_tcp(tcp, table)),
        ];
        Ok(Self {
            _tasks: tasks.map(AbortOnDropHandle::new),
        })
    }
}

async fn serve_udp(socket: UdpSocket, table: Arc<RwLock<Table>>) {
    let mut question = [0; QUESTION];
    loop {
        // An error is about an earlier answer that found nobody.
        let Ok((length, peer)) = socket.recv_from(&mut question).await else {
            continue;
        };
        let bytes = question.get(..length).unwrap_or_default();
        if let Some(answer) = answer::udp(bytes, &table.read()) {
            let _ = socket.try_send_to(&answer, peer);
        }
    }
}

async fn serve_tcp(listener: TcpListener, table: Arc<RwLock<Table>>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if connections.len() >= CONNECTIONS {
            connections.join_next().await;
        }
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(serve_connection(stream, Arc::clone(&table)));
            }
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn serve_connection(mut stream: TcpStream, table: Arc<RwLock<Table>>) -> io::Result<()> {
    loop {
        let Ok(question) = timeout(IDLE, read(&mut stream)).await else {
            return Ok(());
        };
        let Some(answer) = answer::tcp(&question?, &table.read()) else {
            return Ok(());
        };
        let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
        stream.write_all(&length.to_be_bytes()).await?;
        stream.write_all(&answer).await?;
    }
}

async fn read(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut question = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut question).await?;
    Ok(question)
}
