//! The client for the API server: one HTTP/2 connection that carries watches and scales alike, kept open and checked, without a limit
//! of its own on how many requests go out at once. The API server's own pushback is honoured by those who ask.

use std::time::Duration;

use http::{Request, Response};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::{Body, ConfigExt};
use kube::{Client, Config};
use tower::{BoxError, ServiceBuilder};

/// For a TCP connection with its TLS handshake.
const CONNECT: Duration = Duration::from_secs(5);

/// For the head of any answer; a list's may take its time. Those who have less say so themselves.
const HEAD: Duration = Duration::from_secs(30);

/// A connection on which nothing comes is asked for a sign of life this often, and is given up without one for as long again.
const PING: Duration = Duration::from_secs(5);

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Neither a kubeconfig nor a Pod's service account.
    #[error(
        "no way to the API server was found: {0}; set KUBECONFIG, or run in a Pod with a service account"
    )]
    Config(#[from] kube::config::InferConfigError),
    /// What was found can't be used.
    #[error("the way to the API server can't be used: {0}")]
    Unusable(#[from] kube::Error),
    /// No trusted certificates, or a name that is none.
    #[error("the way to the API server can't be used: {0}")]
    ServerName(String),
}

/// As `KUBECONFIG`, `~/.kube/config` or the Pod's service account say.
///
/// # Errors
/// When none of them leads to an API server.
pub async fn infer() -> Result<Client, ClientError> {
    client(Config::infer().await?)
}

/// As this configuration says. Needs a tokio runtime and rustls' process-wide crypto provider.
///
/// # Errors
/// When its certificates or credentials can't be used.
pub fn client(config: Config) -> Result<Client, ClientError> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT));
    let tls = config.rustls_client_config()?;
    let mut https = hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http();
    if let Some(name) = config.tls_server_name.clone() {
        let name = rustls::pki_types::ServerName::try_from(name)
            .map_err(|error| ClientError::ServerName(error.to_string()))?;
        https = https.with_server_name_resolver(hyper_rustls::FixedServerNameResolver::new(name));
    }
    let https = https.enable_all_versions().wrap_connector(tcp);
    let http: HttpClient<_, Body> = HttpClient::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .http2_keep_alive_interval(PING)
        .http2_keep_alive_timeout(PING)
        .http2_keep_alive_while_idle(true)
        .http2_adaptive_window(true)
        .build(https);
    let namespace = config.default_namespace.clone();
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .layer(tower::timeout::TimeoutLayer::new(HEAD))
        .map_request(|request: Request<Body>| request)
        .map_response(|response: Response<hyper::body::Incoming>| response)
        .service(http);
    Ok(Client::new(service, namespace))
}
