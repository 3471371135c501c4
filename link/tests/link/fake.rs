//! A scaler of bare messages, which can say what no real one would.

use std::net::SocketAddr;
use std::pin::Pin;

use futures_util::{Stream, stream};
use rouse_link::wire::link_server::{Link, LinkServer};
use rouse_link::wire::{FromProxy, FromScaler, from_proxy, from_scaler};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tonic::{Request, Response, Status, Streaming};

use crate::support::LONG;

type Said = Result<FromScaler, Status>;

/// One stream.
pub struct Wire {
    pub incoming: Streaming<FromProxy>,
    pub say: mpsc::Sender<Said>,
}

impl Wire {
    pub async fn say(&self, message: from_scaler::Message) {
        let message = FromScaler {
            message: Some(message),
        };
        self.say.send(Ok(message)).await.unwrap();
    }

    pub async fn heard(&mut self) -> from_proxy::Message {
        let message = timeout(LONG, self.incoming.message()).await.unwrap();
        message.unwrap().unwrap().message.unwrap()
    }
}

struct Service(mpsc::Sender<Wire>);

#[tonic::async_trait]
impl Link for Service {
    type ConnectStream = Pin<Box<dyn Stream<Item = Said> + Send>>;

    async fn connect(
        &self,
        request: Request<Streaming<FromProxy>>,
    ) -> Result<Response<Self::ConnectStream>, Status> {
        let (say, said) = mpsc::channel(16);
        let incoming = request.into_inner();
        let wire = Wire { incoming, say };
        let sent = self.0.send(wire).await;
        sent.map_err(|_| Status::unavailable("ended"))?;
        let stream = stream::unfold(said, |mut said| async { Some((said.recv().await?, said)) });
        Ok(Response::new(Box::pin(stream)))
    }
}

/// A scaler whose every message the test says.
pub struct FakeScaler {
    pub address: SocketAddr,
    pub wires: mpsc::Receiver<Wire>,
    task: JoinHandle<()>,
}

impl FakeScaler {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, wires) = mpsc::channel(16);
        let incoming = stream::unfold(listener, |listener| async {
            Some((listener.accept().await.map(|(socket, _)| socket), listener))
        });
        let service = LinkServer::new(Service(sender));
        let serving = tonic::transport::Server::builder()
            .add_service(service)
            .serve_with_incoming(incoming);
        let task = tokio::spawn(async { serving.await.unwrap() });
        Self {
            address,
            wires,
            task,
        }
    }

    pub async fn wire(&mut self) -> Wire {
        timeout(LONG, self.wires.recv()).await.unwrap().unwrap()
    }
}

impl Drop for FakeScaler {
    fn drop(&mut self) {
        self.task.abort();
    }
}
