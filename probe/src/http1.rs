use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;

use bytes::Bytes;
use http::header::{CONNECTION, HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{ProbeFailure, connect};

/// One GET on a connection of its own; the answer's body is not read and redirects are not followed.
pub(crate) async fn get(
    address: SocketAddr,
    path: &str,
    headers: &[(String, String)],
) -> Result<(), ProbeFailure> {
    // What can't be asked needs no connection.
    request(address, path, headers)?;
    over(connect(address).await?, address, path, headers).await
}

/// The same on a connection that stands.
pub(crate) async fn over(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    address: SocketAddr,
    path: &str,
    headers: &[(String, String)],
) -> Result<(), ProbeFailure> {
    let request = request(address, path, headers)?;
    let broken = |error| ProbeFailure::Broken {
        what: format!("GET {path}"),
        error,
    };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let answer = drive(connection, sender.send_request(request))
        .await
        .map_err(broken)?;
    let status = answer.status();
    if (200..=399).contains(&status.as_u16()) {
        return Ok(());
    }
    Err(ProbeFailure::Status {
        path: path.to_owned(),
        status,
    })
}

fn request(
    address: SocketAddr,
    path: &str,
    headers: &[(String, String)],
) -> Result<Request<Empty<Bytes>>, ProbeFailure> {
    let uri: Uri = path
        .parse()
        .ok()
        .filter(|_| path.starts_with('/'))
        .ok_or_else(|| {
            ProbeFailure::Invalid(format!(
                "path {path:?} is not a path; write one such as /healthz"
            ))
        })?;
    let mut map = HeaderMap::with_capacity(headers.len() + 3);
    for (name, value) in headers {
        let invalid =
            |what: &str| ProbeFailure::Invalid(format!("header {name:?}: its {what} is not valid"));
        let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid("name"))?;
        let value = HeaderValue::from_str(value).map_err(|_| invalid("value"))?;
        map.append(parsed, value);
    }
    let host = HeaderValue::from_str(&address.to_string())
        .map_err(|error| ProbeFailure::Invalid(error.to_string()))?;
    map.entry(HOST).or_insert(host);
    map.entry(USER_AGENT)
        .or_insert(HeaderValue::from_static(crate::USER_AGENT));
    map.insert(CONNECTION, HeaderValue::from_static("close"));
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = uri;
    *request.headers_mut() = map;
    Ok(request)
}

/// Polls a connection along with what is asked over it: both end together, and nothing is spawned.
pub(crate) async fn drive<T>(connection: impl Future, asked: impl Future<Output = T>) -> T {
    let mut asked = pin!(asked);
    {
        let mut connection = pin!(connection);
        tokio::select! {
            biased;
            answer = &mut asked => return answer,
            _ = &mut connection => {}
        }
    }
    // A connection that ended has left its answer, or the error, behind.
    asked.await
}
