//! Amazon SQS: how many messages a queue has.

use std::collections::HashMap;
use std::error::Error as _;

use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::{Builder, Credentials, SharedCredentialsProvider};
use aws_sdk_sqs::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::QueueAttributeName;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use http::Uri;
use parking_lot::Mutex;
use rouse_api::workload::{Queue, WorkloadId};
use tokio::sync::OnceCell;

use super::Context;
use super::credential::{read as secret, text};
use crate::platform::Platform;

/// Clients at once; with more all are begun anew.
const MOST_CLIENTS: usize = 256;

/// Characters of AWS' own words.
const TOLD: usize = 300;

/// In AWS' logs of who assumed a role.
const SESSION: &str = "rouse";

/// Who asks whom.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Account {
    region: String,
    endpoint: Option<String>,
    role: Option<String>,
    keys: Option<Keys>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Keys {
    id: String,
    secret: String,
    session: Option<String>,
}

/// One client for all that are asked alike; all share connections, and the scaler's own identity.
#[derive(Default)]
pub(super) struct Clients {
    own: OnceCell<SdkConfig>,
    all: Mutex<HashMap<Account, Client>>,
}

impl std::fmt::Debug for Clients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clients").finish_non_exhaustive()
    }
}

/// Messages that wait, and others that count.
pub(super) async fn read<P: Platform>(
    context: &Context<P>,
    workload: &WorkloadId,
    queue: &Queue,
) -> Result<f64, String> {
    for url in [Some(&queue.url), queue.endpoint.as_ref()]
        .into_iter()
        .flatten()
    {
        let url: Uri = url
            .parse()
            .map_err(|error| format!("{url} is no address: {error}"))?;
        context.allowed.check(&url)?;
    }
    if let Some(role) = &queue.role {
        context.allowed.check_role(role)?;
    }
    let account = Account {
        region: queue.region.clone(),
        endpoint: queue.endpoint.clone(),
        role: queue.role.clone(),
        keys: keys(context, workload, queue).await?,
    };
    let client = context.queues.client(account).await;
    let names = counted(queue);
    let answer = client
        .get_queue_attributes()
        .queue_url(&queue.url)
        .set_attribute_names(Some(names.clone()))
        .send()
        .await;
    let answer = answer.map_err(|error| told(&error))?;
    let attributes = answer.attributes.unwrap_or_default();
    let mut messages = 0.0;
    for name in names {
        let text = attributes
            .get(&name)
            .ok_or_else(|| format!("the queue does not say its {name}"))?;
        let count: u64 = text
            .parse()
            .map_err(|_| format!("the queue's {name} is {text:?}, which is no number"))?;
        messages += count as f64;
    }
    Ok(messages)
}

fn counted(queue: &Queue) -> Vec<QueueAttributeName> {
    let mut names = vec![QueueAttributeName::ApproximateNumberOfMessages];
    if queue.in_flight {
        names.push(QueueAttributeName::ApproximateNumberOfMessagesNotVisible);
    }
    if queue.delayed {
        names.push(QueueAttributeName::ApproximateNumberOfMessagesDelayed);
    }
    names
}

async fn keys<P: Platform>(
    context: &Context<P>,
    workload: &WorkloadId,
    queue: &Queue,
) -> Result<Option<Keys>, String> {
    let Some((id, key, session)) = &queue.keys else {
        return Ok(None);
    };
    let one = async |of| {
        let bytes = secret(&*context.platform, workload, of).await?;
        text(&bytes).map(str::to_owned)
    };
    Ok(Some(Keys {
        id: one(id).await?,
        secret: one(key).await?,
        session: match session {
            Some(session) => Some(one(session).await?),
            None => None,
        },
    }))
}

impl Clients {
    async fn client(&self, account: Account) -> Client {
        if let Some(client) = self.all.lock().get(&account) {
            return client.clone();
        }
        let own = self.own.get_or_init(own).await;
        let region = Region::new(account.region.clone());
        let mut config = Builder::from(own).region(region.clone());
        if let Some(endpoint) = &account.endpoint {
            config = config.endpoint_url(endpoint);
        }
        let given = account.keys.as_ref().map(|keys| {
            let (id, key, session) = (&keys.id, &keys.secret, keys.session.clone());
            Credentials::new(id, key, session, None, "keys")
        });
        if let Some(role) = &account.role {
            let role = AssumeRoleProvider::builder(role)
                .session_name(SESSION)
                .configure(own)
                .region(region);
            let role = match given {
                Some(given) => role.build_from_provider(given).await,
                None => role.build().await,
            };
            config = config.credentials_provider(role);
        } else if let Some(given) = given {
            config = config.credentials_provider(SharedCredentialsProvider::new(given));
        }
        let client = Client::from_conf(config.build());
        let mut all = self.all.lock();
        if all.len() >= MOST_CLIENTS {
            all.clear();
        }
        all.insert(account, client.clone());
        client
    }
}

/// The scaler's own identity, as AWS' tools look for one: environment, profile, a service account's web identity, container, instance.
/// Asked once; tried again by the poller, at its pace.
async fn own() -> SdkConfig {
    let https = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(https)
        .retry_config(RetryConfig::disabled())
        .load()
        .await
}

/// AWS' own code and words; what came before an answer with its causes.
fn told<E, R>(error: &SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    let words = match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("AWS refuses: {code}: {message}"),
        (Some(code), None) => format!("AWS refuses: {code}"),
        _ => match error.source() {
            Some(source) => format!("AWS can't be asked: {}", DisplayErrorContext(source)),
            None => format!("AWS can't be asked: {error}"),
        },
    };
    words.chars().take(TOLD).collect()
}
