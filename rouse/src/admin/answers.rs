use std::future::Future;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use rouse_api::workload::WorkloadId;
use rouse_scaler::DecisionHistory;
use serde::Serialize;
use tokio::time::Instant;

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is told of.
pub(crate) trait Subject: Send + Sync + 'static {
    /// Flattened into `/status`.
    type Status: Serialize + Send;

    /// Whether requests should be sent here.
    fn ready(&self) -> bool;

    /// Everything known.
    fn status(&self) -> impl Future<Output = Self::Status> + Send;

    /// The last decisions of a workload; `None`: there is none of that name here.
    fn history(
        &self,
        _workload: &WorkloadId,
    ) -> impl Future<Output = Option<DecisionHistory>> + Send {
        std::future::ready(None)
    }
}

impl<S: Subject> Subject for std::sync::Arc<S> {
    type Status = S::Status;

    fn ready(&self) -> bool {
        (**self).ready()
    }

    async fn status(&self) -> S::Status {
        (**self).status().await
    }

    async fn history(&self, workload: &WorkloadId) -> Option<DecisionHistory> {
        (**self).history(workload).await
    }
}

/// Answers the requests of the admin listener.
pub(crate) struct Answers<S> {
    subject: S,
    registry: Registry,
    started: Instant,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status<T> {
    version: &'static str,
    uptime_seconds: f64,
    #[serde(flatten)]
    rest: T,
}

impl<S: Subject> Answers<S> {
    /// Uptime counts from here.
    pub(crate) fn new(subject: S, registry: Registry) -> Self {
        Self {
            subject,
            registry,
            started: Instant::now(),
        }
    }

    pub(crate) async fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        if !matches!(
            path,
            "/livez" | "/readyz" | "/metrics" | "/status" | "/explain"
        ) {
            let text = "there are /livez, /readyz, /metrics, /status and /explain?workload=NAME\n";
            return answer(StatusCode::NOT_FOUND, TEXT, text);
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = answer(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD\n");
            let allowed = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(header::ALLOW, allowed);
            return response;
        }
        match path {
            "/livez" => answer(StatusCode::OK, TEXT, "ok\n"),
            "/readyz" => self.readiness(),
            "/metrics" => self.metrics(),
            "/explain" => self.explain(request.uri().query()).await,
            _ => self.status().await,
        }
    }

    fn readiness(&self) -> Response<Full<Bytes>> {
        if self.subject.ready() {
            answer(StatusCode::OK, TEXT, "ready\n")
        } else {
            let text = "not ready: starting or stopping\n";
            answer(StatusCode::SERVICE_UNAVAILABLE, TEXT, text)
        }
    }

    fn metrics(&self) -> Response<Full<Bytes>> {
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => answer(StatusCode::OK, OPEN_METRICS, text),
            Err(error) => failed(&error),
        }
    }

    async fn status(&self) -> Response<Full<Bytes>> {
        let status = Status {
            version: env!("CARGO_PKG_VERSION"),
            uptime_seconds: self.started.elapsed().as_secs_f64(),
            rest: self.subject.status().await,
        };
        json(&status)
    }

    async fn explain(&self, query: Option<&str>) -> Response<Full<Bytes>> {
        let named = query
            .unwrap_or_default()
            .split('&')
            .find_map(|part| part.strip_prefix("workload="));
        let Some(named) = named else {
            let text = "write /explain?workload=NAME or /explain?workload=NAMESPACE/NAME\n";
            return answer(StatusCode::BAD_REQUEST, TEXT, text);
        };
        let workload = match crate::explain::workload(named) {
            Ok(workload) => workload,
            Err(wanted) => return answer(StatusCode::BAD_REQUEST, TEXT, format!("{wanted}\n")),
        };
        match self.subject.history(&workload).await {
            Some(history) => json(&history),
            None => {
                let text = format!(
                    "there is no workload {workload} here; a scaler (rouse serve or rouse scaler) knows why it decided what\n"
                );
                answer(StatusCode::NOT_FOUND, TEXT, text)
            }
        }
    }
}

fn json(value: &impl Serialize) -> Response<Full<Bytes>> {
    match serde_json::to_vec_pretty(value) {
        Ok(mut body) => {
            body.push(b'\n');
            answer(StatusCode::OK, JSON, body)
        }
        Err(error) => failed(&error),
    }
}

fn failed(error: &dyn std::error::Error) -> Response<Full<Bytes>> {
    answer(
        StatusCode::INTERNAL_SERVER_ERROR,
        TEXT,
        format!("{error}\n"),
    )
}

fn answer(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(content_type);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    response
}
