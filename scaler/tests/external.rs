//! The whole scaler against external scalers and endpoints that answer with a number.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may"
)]

mod common;

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use common::PATIENCE;
use common::asked::{asked, started, why};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rouse_api::resource::AnswerFormat;
use rouse_api::workload::{
    Access, Asked, Credential, External, KeyIn, MetricsApi, Source, Workload,
};
use rouse_scaler::ScalerConfig;
use rouse_scaler::trigger::wire::external_scaler_server::{ExternalScaler, ExternalScalerServer};
use rouse_scaler::trigger::wire::{
    GetMetricSpecResponse, GetMetricsRequest, GetMetricsResponse, IsActiveResponse, MetricSpec,
    MetricValue, ScaledObjectRef,
};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::AbortOnDropHandle;
use tonic::{Request, Response, Status};

/// What an external scaler says.
#[derive(Clone, Default)]
struct Says {
    active: bool,
    specs: Vec<MetricSpec>,
    values: Vec<MetricValue>,
}

type Stream = mpsc::Sender<Result<IsActiveResponse, Status>>;

/// One, and what it was told.
#[derive(Clone)]
struct Own {
    says: watch::Sender<Says>,
    told: Arc<Mutex<Option<ScaledObjectRef>>>,
    pushes: Arc<Mutex<Vec<Stream>>>,
}

#[tonic::async_trait]
impl ExternalScaler for Own {
    async fn is_active(
        &self,
        request: Request<ScaledObjectRef>,
    ) -> Result<Response<IsActiveResponse>, Status> {
        *self.told.lock().unwrap() = Some(request.into_inner());
        let result = self.says.borrow().active;
        Ok(Response::new(IsActiveResponse { result }))
    }

    type StreamIsActiveStream = ReceiverStream<Result<IsActiveResponse, Status>>;

    async fn stream_is_active(
        &self,
        _: Request<ScaledObjectRef>,
    ) -> Result<Response<Self::StreamIsActiveStream>, Status> {
        let (sender, stream) = mpsc::channel(4);
        self.pushes.lock().unwrap().push(sender);
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    async fn get_metric_spec(
        &self,
        _: Request<ScaledObjectRef>,
    ) -> Result<Response<GetMetricSpecResponse>, Status> {
        let metric_specs = self.says.borrow().specs.clone();
        Ok(Response::new(GetMetricSpecResponse { metric_specs }))
    }

    async fn get_metrics(
        &self,
        request: Request<GetMetricsRequest>,
    ) -> Result<Response<GetMetricsResponse>, Status> {
        let name = request.into_inner().metric_name;
        if name == "broken" {
            return Err(Status::internal("the queue is not there"));
        }
        let metric_values = self.says.borrow().values.clone();
        Ok(Response::new(GetMetricsResponse { metric_values }))
    }
}

impl Own {
    /// With where it is, until the handle is dropped.
    async fn start() -> (Self, SocketAddr, AbortOnDropHandle<()>) {
        let own = Self {
            says: watch::Sender::new(Says::default()),
            told: Arc::default(),
            pushes: Arc::default(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let incoming = tonic::transport::server::TcpIncoming::from(listener);
        let service = ExternalScalerServer::new(own.clone());
        let server = tonic::transport::Server::builder().add_service(service);
        let task = tokio::spawn(async move { server.serve_with_incoming(incoming).await.unwrap() });
        (own, address, AbortOnDropHandle::new(task))
    }

    fn says(&self, active: bool, specs: &[(&str, i64, f64)], values: &[(&str, i64, f64)]) {
        let spec = |&(name, size, float): &(&str, i64, f64)| MetricSpec {
            metric_name: name.to_owned(),
            target_size: size,
            target_size_float: float,
        };
        let value = |&(name, value, float): &(&str, i64, f64)| MetricValue {
            metric_name: name.to_owned(),
            metric_value: value,
            metric_value_float: float,
        };
        self.says.send_replace(Says {
            active,
            specs: specs.iter().map(spec).collect(),
            values: values.iter().map(value).collect(),
        });
    }
}

fn external(address: &str, push: bool) -> Workload {
    let of = External {
        address: address.to_owned(),
        metadata: BTreeMap::from([("queue".to_owned(), "orders".to_owned())]),
        push,
        access: Access::default(),
    };
    asked(Asked::External(Box::new(of)), 1.0)
}

async fn next(said: &mut mpsc::UnboundedReceiver<u32>) -> u32 {
    timeout(PATIENCE, said.recv()).await.unwrap().unwrap()
}

#[tokio::test]
async fn an_external_scaler_says_how_many() {
    let (own, address, _server) = Own::start().await;
    let (scaler, mut said) = started(ScalerConfig::default());
    let workload = external(&format!("http://{address}"), false);
    own.says(true, &[], &[]);
    scaler.apply(vec![workload]).await;
    for (specs, values, words) in [
        (&[][..], &[][..], "it names 0 metrics"),
        (
            &[("jobs", 0, 0.0)],
            &[("jobs", 1, 0.0)],
            "it wishes jobs to be 0",
        ),
        (&[("jobs", 1, 0.0)], &[], "it gives no value of jobs"),
        (&[("broken", 1, 0.0)], &[], "the queue is not there"),
    ] {
        own.says(true, specs, values);
        why(&scaler, words).await;
    }
    let told = own.told.lock().unwrap().clone().unwrap();
    assert_eq!((&*told.namespace, &*told.name), ("default", "hello"));
    assert_eq!(
        told.scaler_metadata,
        HashMap::from([("queue".to_owned(), "orders".to_owned())])
    );
    // That there is nothing to do counts, whatever its values are.
    own.says(false, &[("jobs", 5, 0.0)], &[("jobs", 100, 0.0)]);
    why(&scaler, "\"value\":0.0").await;
    assert!(said.try_recv().is_err(), "nothing is to be done");
    // The one that asks for most; a float goes before the integer beside it when it is above 0.
    own.says(
        true,
        &[("jobs", 5, 0.0), ("age", 1, 2.5)],
        &[("jobs", 12, 0.0), ("age", 1, 4.9)],
    );
    assert_eq!(next(&mut said).await, 3);
    scaler.shutdown().await;
}

#[tokio::test]
async fn who_has_something_to_do_gets_one_replica_at_least() {
    let (own, address, _server) = Own::start().await;
    let (scaler, mut said) = started(ScalerConfig::default());
    own.says(true, &[("jobs", 5, 0.0)], &[("any", 0, 0.0)]);
    let workload = external(&format!("http://{address}"), false);
    scaler.apply(vec![workload]).await;
    assert_eq!(next(&mut said).await, 1);
    scaler.shutdown().await;
}

#[tokio::test]
async fn what_it_pushes_wakes_at_once_and_a_stream_that_ends_is_opened_again() {
    let (own, address, _server) = Own::start().await;
    let (scaler, mut said) = started(ScalerConfig::default());
    let mut workload = external(&format!("http://{address}"), true);
    let Source::Polled(polled) = &mut workload.triggers[0].source else {
        panic!("it is asked");
    };
    // Longer than anybody waits here: only a push leads to the next question.
    polled.every = Duration::from_secs(3600);
    own.says(false, &[("jobs", 5, 0.0)], &[("jobs", 10, 0.0)]);
    scaler.apply(vec![workload]).await;
    let stream = async || {
        timeout(PATIENCE, async {
            loop {
                if let Some(sender) = own.pushes.lock().unwrap().pop() {
                    return sender;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await
        .expect("a stream")
    };
    let first = stream().await;
    let say = async |sender: &mpsc::Sender<_>, result| {
        let said = Ok(IsActiveResponse { result });
        sender.send(said).await.unwrap();
    };
    say(&first, false).await;
    drop(first);
    let second = stream().await;
    assert!(said.try_recv().is_err(), "nothing to do");
    say(&second, true).await;
    // It says so although it would answer otherwise when asked.
    assert_eq!(next(&mut said).await, 2);
    scaler.shutdown().await;
}

#[tokio::test]
async fn who_is_not_there_or_no_such_service_is_told() {
    let (scaler, _said) = started(ScalerConfig::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let workload = external(&format!("http://{address}"), true);
    scaler.apply(vec![workload]).await;
    why(&scaler, "Connection refused").await;
    let web = Web::start(|_| (200, "{}".to_owned())).await;
    scaler.apply(vec![external(&web.url, false)]).await;
    why(&scaler, "client error").await;
    scaler.shutdown().await;
}

type Seen = Arc<Mutex<Vec<(String, HashMap<String, String>)>>>;

/// A server with HTTP that remembers what it was asked.
struct Web {
    url: String,
    seen: Seen,
    _task: AbortOnDropHandle<()>,
}

impl Web {
    async fn start(answer: impl Fn(&str) -> (u16, String) + Clone + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Seen::default();
        let all = seen.clone();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (answer, seen) = (answer.clone(), all.clone());
                let service = service_fn(move |request: hyper::Request<_>| {
                    let uri = request.uri().to_string();
                    let headers = request.headers().iter().map(|(name, value)| {
                        (name.to_string(), value.to_str().unwrap().to_owned())
                    });
                    seen.lock().unwrap().push((uri.clone(), headers.collect()));
                    let (status, body) = answer(&uri);
                    let answer = hyper::Response::builder()
                        .status(status)
                        .body(Full::new(Bytes::from(body)))
                        .unwrap();
                    async move { Ok::<_, Infallible>(answer) }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self {
            url,
            seen,
            _task: AbortOnDropHandle::new(task),
        }
    }

    fn last(&self) -> (String, HashMap<String, String>) {
        self.seen.lock().unwrap().last().cloned().unwrap()
    }
}

fn api(url: &str, format: AnswerFormat, location: &str, access: Access) -> Workload {
    let of = MetricsApi {
        url: url.to_owned(),
        format,
        location: location.to_owned(),
        access,
    };
    asked(Asked::MetricsApi(Box::new(of)), 12.0)
}

#[tokio::test]
async fn a_number_in_an_answer_sizes_a_wake_and_keys_are_sent() {
    let web = Web::start(|uri| match uri.split('?').next() {
        Some("/json") => (200, r#"{"jobs": {"waiting": 30}}"#.to_owned()),
        Some("/text") => (200, "jobs{state=\"waiting\"} 45\n".to_owned()),
        Some("/moved") => (302, String::new()),
        _ => (500, "  out of order  ".to_owned()),
    })
    .await;
    let home = tempfile::tempdir().unwrap();
    let key = home.path().join("key");
    std::fs::write(&key, "a b&c\n").unwrap();
    let with = |place, name: &str| Access {
        key: Some((place, name.to_owned(), Credential::File(key.clone()))),
        ..Access::default()
    };
    let (scaler, mut said) = started(ScalerConfig::default());
    let ask = async |path: &str, format, location, access| {
        let url = format!("{}{path}", web.url);
        scaler
            .apply(vec![api(&url, format, location, access)])
            .await;
    };
    ask("/gone", AnswerFormat::Json, "jobs", Access::default()).await;
    why(&scaler, "500 Internal Server Error: out of order").await;
    ask("/moved", AnswerFormat::Json, "jobs", Access::default()).await;
    why(&scaler, "302 Found").await;
    ask("/json", AnswerFormat::Json, "jobs", Access::default()).await;
    why(
        &scaler,
        "jobs is an object of 1 fields, and a number is wanted",
    )
    .await;
    assert!(said.try_recv().is_err(), "nothing is known");

    let query = with(KeyIn::Query, "api_key");
    ask("/json?of=all", AnswerFormat::Json, "jobs.waiting", query).await;
    assert_eq!(next(&mut said).await, 3);
    assert_eq!(web.last().0, "/json?of=all&api_key=a%20b%26c");
    let header = with(KeyIn::Header, "X-API-Key");
    let series = "jobs{state=\"waiting\"}";
    ask("/text", AnswerFormat::Prometheus, series, header).await;
    let sent = async {
        while web
            .last()
            .1
            .get("x-api-key")
            .is_none_or(|key| key != "a b&c")
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, sent).await.expect("the key is sent");
    // Also in errors the key stays out of sight.
    std::fs::remove_file(&key).unwrap();
    why(&scaler, "by triggers[0] (metricsApi)").await;
    scaler.shutdown().await;
}
