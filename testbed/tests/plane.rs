//! The testbed from inside: one for all tests, in a namespace that this program opens for itself.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::{Namespace, Pod, Service, ServiceAccount};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::{Api, Client, Config};
use libtest_mimic::{Arguments, Failed, Trial};
use rouse_testbed::{Component, Testbed, TestbedConfig, namespace, network};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::runtime::Runtime;
use tokio::time::{Instant, sleep, timeout};

type Done = Result<(), Failed>;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    if arguments.list {
        let trials = trials(&Arc::new(Bed::none()));
        return libtest_mimic::run(&arguments, trials).exit_code();
    }
    if let Err(error) = namespace::enter() {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    rustls::crypto::ring::default_provider()
        .install_default()
        .unwrap();
    let runtime = Runtime::new().unwrap();
    let testbed = match runtime.block_on(Testbed::start(TestbedConfig::default())) {
        Ok(testbed) => testbed,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let bed = Arc::new(Bed {
        runtime,
        testbed: Some(testbed),
    });
    // One at a time: some take the API server away.
    let arguments = Arguments {
        test_threads: Some(1),
        ..arguments
    };
    let conclusion = libtest_mimic::run(&arguments, trials(&bed));
    let left = stop(bed);
    if let Err(left) = left {
        eprintln!("after the stop: {left}");
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}

struct Bed {
    runtime: Runtime,
    testbed: Option<Testbed>,
}

impl Bed {
    fn none() -> Self {
        Self {
            runtime: Runtime::new().unwrap(),
            testbed: None,
        }
    }
}

fn trials(bed: &Arc<Bed>) -> Vec<Trial> {
    macro_rules! trials {
        ($($name:ident),* $(,)?) => {
            vec![$({
                let bed = Arc::clone(bed);
                Trial::test(stringify!($name), move || {
                    let testbed = bed.testbed.as_ref().ok_or("no testbed")?;
                    let test = async { timeout(Duration::from_secs(60), $name(testbed)).await };
                    bed.runtime.block_on(test)?
                })
            }),*]
        };
    }
    trials![
        pods_of_a_deployment_are_created,
        strangers_are_refused,
        a_cluster_ip_forwards_to_its_endpoint_and_keeps_half_closed_connections,
        a_service_without_endpoints_refuses,
        the_api_server_answers_at_its_service,
        names_are_answered_over_udp_and_tcp,
        the_systems_own_resolver_finds_services,
        the_relay_leads_to_the_api_server,
        a_paused_api_server_hangs_and_goes_on,
        a_killed_api_server_comes_back_with_what_it_had,
        a_component_that_ends_is_told,
    ]
}

/// Everything is gone but this process: the control plane's processes and their folder.
fn stop(bed: Arc<Bed>) -> Result<(), String> {
    let bed = Arc::into_inner(bed).ok_or("a test still runs")?;
    let testbed = bed.testbed.ok_or("no testbed")?;
    let folder = testbed.folder().to_owned();
    bed.runtime.block_on(testbed.stop());
    if folder.exists() {
        return Err(format!("{} is still there", folder.display()));
    }
    match programs()
        .into_iter()
        .find(|name| Component::ALL.iter().any(|one| one.binary() == name))
    {
        Some(name) => Err(format!("{name} still runs")),
        None => Ok(()),
    }
}

/// The programs that run in this namespace, by the names of their files.
fn programs() -> Vec<String> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let binaries = entries.filter_map(|entry| std::fs::read_link(entry.path().join("exe")).ok());
    let names = binaries.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()));
    names.collect()
}

fn object<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> Result<T, Failed> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        if let Some(found) = look().await {
            return Ok(found);
        }
        sleep(Duration::from_millis(20)).await;
    }
    Err(format!("not so in time: {what}").into())
}

async fn pods_of_a_deployment_are_created(testbed: &Testbed) -> Done {
    let deployments: Api<Deployment> = Api::namespaced(testbed.client(), "default");
    let deployment = object(json!({
        "metadata": {"name": "three"},
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": {"app": "three"}},
            "template": {
                "metadata": {"labels": {"app": "three"}},
                // No node takes it.
                "spec": {"nodeSelector": {"no": "such"}, "containers": [{"name": "one", "image": "none"}]},
            },
        },
    }));
    deployments
        .create(&PostParams::default(), &deployment)
        .await?;
    let pods: Api<Pod> = Api::namespaced(testbed.client(), "default");
    let selected = ListParams::default().labels("app=three");
    until("three pods, seen by the scheduler", async || {
        let pods = pods.list(&selected).await.ok()?.items;
        let unschedulable = |pod: &Pod| {
            let conditions = pod
                .status
                .as_ref()
                .and_then(|status| status.conditions.as_ref());
            conditions.is_some_and(|all| {
                all.iter()
                    .any(|one| one.reason.as_deref() == Some("Unschedulable"))
            })
        };
        (pods.len() == 3 && pods.iter().all(unschedulable)).then_some(())
    })
    .await?;
    deployments
        .delete("three", &DeleteParams::default())
        .await?;
    Ok(())
}

async fn strangers_are_refused(testbed: &Testbed) -> Done {
    let accounts: Api<ServiceAccount> = Api::namespaced(testbed.client(), "default");
    let request: TokenRequest =
        object(json!({"spec": {"audiences": [], "expirationSeconds": 600}}));
    let token = accounts
        .create_token_request("default", &PostParams::default(), &request)
        .await?;
    let token = token
        .status
        .and_then(|status| status.token)
        .ok_or("no token")?;
    let with = |token: &str| {
        let mut config = Config::new("https://127.0.0.1:6443".parse().unwrap());
        config.accept_invalid_certs = true;
        config.auth_info.token = Some(token.to_owned().into());
        Client::try_from(config).unwrap()
    };
    let code = async |client| {
        let pods: Api<Pod> = Api::namespaced(client, "default");
        match pods.list(&ListParams::default()).await {
            Err(kube::Error::Api(status)) => Ok(status.code),
            other => Err(format!("{other:?}")),
        }
    };
    assert_eq!(code(with(&token)).await?, 403, "an account without rights");
    assert_eq!(code(with("nonsense")).await?, 401, "a token that is none");
    Ok(())
}

/// A Service with an endpoint that the test itself listens on.
async fn service(testbed: &Testbed, name: &str, endpoint: SocketAddr) -> Result<Ipv4Addr, Failed> {
    let services: Api<Service> = Api::namespaced(testbed.client(), "default");
    let service = object(json!({"metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}}));
    let service = services.create(&PostParams::default(), &service).await?;
    let slices: Api<EndpointSlice> = Api::namespaced(testbed.client(), "default");
    let slice = object(json!({
        "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "ports": [{"port": endpoint.port()}],
        "endpoints": [{"addresses": [endpoint.ip()], "hostname": "first"}],
    }));
    slices.create(&PostParams::default(), &slice).await?;
    let address = service
        .spec
        .and_then(|spec| spec.cluster_ip)
        .ok_or("no address")?;
    Ok(address.parse()?)
}

async fn a_cluster_ip_forwards_to_its_endpoint_and_keeps_half_closed_connections(
    testbed: &Testbed,
) -> Done {
    let server = TcpListener::bind((Ipv4Addr::new(10, 244, 9, 1), 0)).await?;
    let address = service(testbed, "echo", server.local_addr()?).await?;
    let answer = tokio::spawn(async move {
        let (mut stream, _) = server.accept().await?;
        let mut asked = String::new();
        // Ends only if the client's end of sending arrives here.
        stream.read_to_string(&mut asked).await?;
        stream
            .write_all(format!("you said {asked}").as_bytes())
            .await
    });
    let mut stream = until("connected", async || {
        TcpStream::connect((address, 80)).await.ok()
    })
    .await?;
    stream.write_all(b"hello").await?;
    stream.shutdown().await?;
    let mut answered = String::new();
    stream.read_to_string(&mut answered).await?;
    assert_eq!(answered, "you said hello");
    answer.await??;
    Ok(())
}

async fn a_service_without_endpoints_refuses(testbed: &Testbed) -> Done {
    let server = TcpListener::bind((Ipv4Addr::new(10, 244, 9, 2), 0)).await?;
    let address = service(testbed, "fading", server.local_addr()?).await?;
    until("connected", async || {
        TcpStream::connect((address, 80)).await.ok()
    })
    .await?;
    let slices: Api<EndpointSlice> = Api::namespaced(testbed.client(), "default");
    slices.delete("fading", &DeleteParams::default()).await?;
    until("refused", async || {
        let error = TcpStream::connect((address, 80)).await.err()?;
        (error.kind() == std::io::ErrorKind::ConnectionRefused).then_some(())
    })
    .await
}

async fn the_api_server_answers_at_its_service(testbed: &Testbed) -> Done {
    let config = testbed
        .plane()
        .kubeconfig(SocketAddr::from((network::API_SERVICE, 443)));
    let client = client(&config).await?;
    // The API server writes its own endpoint some moments after it is ready.
    until("an answer", async || client.apiserver_version().await.ok()).await?;
    Ok(())
}

async fn client(kubeconfig: &str) -> Result<Client, Failed> {
    let mut config =
        Config::from_custom_kubeconfig(serde_json::from_str(kubeconfig)?, &Default::default())
            .await?;
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}

fn question(name: &str) -> Vec<u8> {
    let mut message = Message::query();
    message.add_query(Query::query(Name::from_str(name).unwrap(), RecordType::A));
    message.to_vec().unwrap()
}

fn addresses(answer: &[u8]) -> (ResponseCode, Vec<String>) {
    let answer = Message::from_vec(answer).unwrap();
    let addresses = answer
        .answers
        .iter()
        .map(|record| record.data.to_string())
        .collect();
    (answer.metadata.response_code, addresses)
}

async fn ask_udp(name: &str) -> Result<(ResponseCode, Vec<String>), Failed> {
    let socket = UdpSocket::bind("0.0.0.0:0").await?;
    socket.connect((network::DNS, 53)).await?;
    socket.send(&question(name)).await?;
    let mut answer = [0; 1500];
    let length = timeout(Duration::from_secs(5), socket.recv(&mut answer)).await??;
    Ok(addresses(&answer[..length]))
}

async fn ask_tcp(name: &str) -> Result<(ResponseCode, Vec<String>), Failed> {
    let mut stream = TcpStream::connect((network::DNS, 53)).await?;
    let question = question(name);
    stream.write_u16(u16::try_from(question.len())?).await?;
    stream.write_all(&question).await?;
    let mut answer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut answer).await?;
    Ok(addresses(&answer))
}

async fn names_are_answered_over_udp_and_tcp(_: &Testbed) -> Done {
    let expected = (
        ResponseCode::NoError,
        vec![network::API_SERVICE.to_string()],
    );
    assert_eq!(
        ask_udp("kubernetes.default.svc.cluster.local.").await?,
        expected
    );
    assert_eq!(
        ask_tcp("kubernetes.default.svc.cluster.local.").await?,
        expected
    );
    assert_eq!(
        ask_udp("nobody.default.svc.cluster.local.").await?.0,
        ResponseCode::NXDomain
    );
    Ok(())
}

/// Through /etc/resolv.conf and its search domains.
async fn the_systems_own_resolver_finds_services(_: &Testbed) -> Done {
    for name in [
        "kubernetes.default.svc.cluster.local",
        "kubernetes.default.svc",
        "kubernetes.default",
    ] {
        let found: Vec<_> = tokio::net::lookup_host((name, 443)).await?.collect();
        assert_eq!(
            found,
            [SocketAddr::from((network::API_SERVICE, 443))],
            "{name}"
        );
    }
    assert!(
        tokio::net::lookup_host(("nobody.default.svc", 443))
            .await
            .is_err()
    );
    Ok(())
}

/// Its half inside; the command's test comes in from the outside.
async fn the_relay_leads_to_the_api_server(_: &Testbed) -> Done {
    let folder = namespace::inside()?.folder;
    let mut stream = tokio::net::UnixStream::connect(folder.join("relay.sock")).await?;
    // No TLS: the API server says so in plain HTTP.
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.starts_with("HTTP/1.0 400") && answer.contains("HTTPS server"),
        "{answer}"
    );
    Ok(())
}

async fn a_paused_api_server_hangs_and_goes_on(testbed: &Testbed) -> Done {
    let client = testbed.client();
    testbed.plane().pause_api(true).await?;
    let asked = tokio::spawn(async move { client.apiserver_version().await });
    sleep(Duration::from_millis(500)).await;
    let answered = asked.is_finished();
    testbed.plane().pause_api(false).await?;
    assert!(!answered, "a paused API server answers nothing");
    asked.await??;
    Ok(())
}

async fn a_killed_api_server_comes_back_with_what_it_had(testbed: &Testbed) -> Done {
    let client = client(&testbed.plane().kubeconfig("127.0.0.1:6443".parse()?)).await?;
    let namespaces: Api<Namespace> = Api::all(client);
    let kept = object(json!({"metadata": {"name": "kept"}}));
    namespaces.create(&PostParams::default(), &kept).await?;
    testbed.plane().kill_api().await?;
    assert!(
        testbed.plane().kill_api().await.is_err(),
        "there is none to kill"
    );
    assert!(namespaces.get("kept").await.is_err(), "nobody answers");
    testbed.plane().start_api().await?;
    assert!(
        testbed.plane().start_api().await.is_err(),
        "there is one already"
    );
    namespaces.get("kept").await?;
    // The service proxy has found it again, too.
    let server = TcpListener::bind((Ipv4Addr::new(10, 244, 9, 3), 0)).await?;
    let address = service(testbed, "later", server.local_addr()?).await?;
    until("connected", async || {
        TcpStream::connect((address, 80)).await.ok()
    })
    .await?;
    Ok(())
}

/// The last of all, for nothing works as before.
async fn a_component_that_ends_is_told(testbed: &Testbed) -> Done {
    let pid = testbed
        .plane()
        .pid(Component::Scheduler)
        .await
        .ok_or("no scheduler")?;
    let status = std::process::Command::new("kill")
        .args(["-9", &pid.to_string()])
        .status()?;
    assert!(status.success());
    let told = timeout(Duration::from_secs(5), testbed.plane().failed()).await?;
    assert!(
        told.starts_with("kube-scheduler ended (signal: 9"),
        "{told}"
    );
    assert!(told.lines().count() > 1, "with its last lines: {told}");
    Ok(())
}
