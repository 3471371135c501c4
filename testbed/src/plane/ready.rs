//! Waiting until a component is of use, with a deadline.

use std::time::Duration;

use http::Request;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::{Api, Client};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::{Component, Plane, arguments, kubeconfig};
use crate::error::Error;

const PERIOD: Duration = Duration::from_millis(20);
/// One look. A paused component never answers.
const LOOK: Duration = Duration::from_secs(2);

/// Until `component` says that it is healthy.
pub(super) async fn component(plane: &Plane, component: Component) -> Result<(), Error> {
    let name = component.binary();
    let what = format!("{name} is healthy:");
    match arguments::health(component) {
        None => {
            until(plane, &what, async || {
                let connected = TcpStream::connect(arguments::ETCD).await;
                connected.map(drop).map_err(|error| error.to_string())
            })
            .await
        }
        Some((server, path)) => {
            let client = without_retries(plane, &server).await?;
            until(plane, &what, async || get(&client, path).await).await
        }
    }
}

/// Until Pods can be created in the namespace `default`: they are refused before it has its ServiceAccount, which the
/// controller manager creates.
pub(super) async fn service_account(plane: &Plane) -> Result<(), Error> {
    let client = without_retries(plane, kubeconfig::INSIDE).await?;
    let accounts: Api<ServiceAccount> = Api::namespaced(client, "default");
    until(
        plane,
        "the ServiceAccount default/default is there:",
        async || {
            let found = accounts.get("default").await;
            found.map(drop).map_err(|error| error.to_string())
        },
    )
    .await
}

/// kube's client would try again by itself, and hide what is the matter. All components serve with the same certificate.
async fn without_retries(plane: &Plane, server: &str) -> Result<Client, Error> {
    let admin = kubeconfig::admin(&plane.setup.certificates, server);
    let mut config = kubeconfig::config(admin).await?;
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}

async fn get(client: &Client, path: &str) -> Result<(), String> {
    let request = Request::get(path)
        .body(Vec::new())
        .map_err(|error| error.to_string())?;
    let answer = client.request_text(request).await;
    answer.map(drop).map_err(|error| error.to_string())
}

async fn until(
    plane: &Plane,
    what: &str,
    mut look: impl AsyncFnMut() -> Result<(), String>,
) -> Result<(), Error> {
    let mut why = "it was not asked".to_owned();
    let looks = async {
        loop {
            match timeout(LOOK, look()).await {
                Ok(Ok(())) => return,
                Ok(Err(error)) => why = error,
                Err(_) => why = "no answer".to_owned(),
            }
            sleep(PERIOD).await;
        }
    };
    tokio::select! {
        waited = timeout(Plane::HEALTHY, looks) => waited.map_err(|_| Error::Late {
            what: what.to_owned(),
            within: Plane::HEALTHY,
            why,
            logs: plane.setup.folder.display().to_string(),
        }),
        failure = plane.failed() => Err(Error::Ended(failure)),
    }
}
