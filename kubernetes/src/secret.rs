//! Entries of Secrets, for triggers. Each is read with a GET of its own: the right to list Secrets is never needed.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use parking_lot::Mutex;
use tokio::time::{Instant, timeout};

/// A Secret that was read is read again after this: so long a change takes to arrive.
const FRESH: Duration = Duration::from_secs(15);

/// For one answer of the API server.
const WITHIN: Duration = Duration::from_secs(5);

/// Kept at once; of more all are read anew.
const MOST: usize = 4096;

type Entries = Arc<BTreeMap<String, ByteString>>;
type Known = HashMap<(String, String), (Instant, Entries)>;

/// Reads Secrets.
pub(crate) struct Secrets {
    client: Client,
    known: Mutex<Known>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

impl Secrets {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            known: Mutex::default(),
        }
    }

    /// One entry, no older than [`FRESH`].
    ///
    /// # Errors
    /// With a sentence that names the Secret and says what would be right.
    pub(crate) async fn get(
        &self,
        namespace: &str,
        name: &str,
        key: &str,
    ) -> Result<Vec<u8>, String> {
        let entries = self.entries(namespace, name).await?;
        let entry = entries.get(key).map(|entry| entry.0.clone());
        entry.ok_or_else(|| format!("Secret {name} has no entry {key}"))
    }

    async fn entries(&self, namespace: &str, name: &str) -> Result<Entries, String> {
        let at = (namespace.to_owned(), name.to_owned());
        let now = Instant::now();
        if let Some((read, entries)) = self.known.lock().get(&at)
            && now < *read + FRESH
        {
            return Ok(entries.clone());
        }
        let api: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
        let read = timeout(WITHIN, api.get_opt(name)).await;
        let read = read.map_err(|_| format!("Secret {name} could not be read in time"))?;
        let secret = read.map_err(|error| match error {
            kube::Error::Api(status) if status.code == 403 => format!(
                "the scaler may not read Secret {name}: grant its service account get on it with a Role in namespace {namespace}"
            ),
            error => format!("Secret {name} could not be read: {error}"),
        })?;
        let secret =
            secret.ok_or_else(|| format!("there is no Secret {name} in namespace {namespace}"))?;
        let entries = Arc::new(secret.data.unwrap_or_default());
        let mut known = self.known.lock();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(at, (now, entries.clone()));
        Ok(entries)
    }
}
