//! Requests to servers that triggers ask: one pool of connections for all that trust alike.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, HeaderName, USER_AGENT};
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use parking_lot::Mutex;
use rouse_api::workload::{Access, Credential, WorkloadId};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::credential::{read, text};
use crate::platform::Platform;

/// Of an answer's body; a value takes some hundred bytes.
const LARGEST: usize = 1 << 20;

/// Pools at once; with more all are begun anew.
const MOST_POOLS: usize = 64;

/// An idle connection outlives a few of the usual intervals.
const IDLE: Duration = Duration::from_secs(60);

type Pool = Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

/// What a pool's connections have in common: whom they trust and who they are, as PEM.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Trust {
    ca: Option<Vec<u8>>,
    identity: Option<(Vec<u8>, Vec<u8>)>,
}

/// The pools.
#[derive(Debug, Default)]
pub(super) struct Http(Mutex<HashMap<Trust, Pool>>);

impl Http {
    /// One GET. Redirects are not followed: they could lead to where one may not ask.
    ///
    /// # Errors
    /// With a sentence, without anything secret.
    pub(super) async fn get<P: Platform>(
        &self,
        platform: &P,
        workload: &WorkloadId,
        (url, access): (Uri, &Access),
    ) -> Result<(StatusCode, Bytes), String> {
        let mut request = Request::get(url);
        request = request
            .header(USER_AGENT, "rouse")
            .header(ACCEPT, "application/json");
        for (name, value) in &access.headers {
            let name = HeaderName::try_from(name.as_str()).map_err(|error| error.to_string())?;
            let value = HeaderValue::try_from(value.as_str()).map_err(|error| error.to_string())?;
            request = request.header(name, value);
        }
        let secret = async |of: &Credential| read(platform, workload, of).await;
        let authorization = match (&access.bearer, &access.basic) {
            (Some(token), _) => Some(format!("Bearer {}", text(&secret(token).await?)?)),
            (None, Some((user, password))) => {
                let password = secret(password).await?;
                let pair = format!("{user}:{}", text(&password)?);
                Some(format!("Basic {}", BASE64_STANDARD.encode(pair)))
            }
            (None, None) => None,
        };
        if let Some(value) = authorization {
            let mut value = HeaderValue::try_from(value)
                .map_err(|_| "its credential has characters that no header can have".to_owned())?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let mut trust = Trust::default();
        if let Some(ca) = &access.ca {
            trust.ca = Some(secret(ca).await?);
        }
        if let Some((certificate, key)) = &access.identity {
            trust.identity = Some((secret(certificate).await?, secret(key).await?));
        }
        let request = request
            .body(Empty::new())
            .map_err(|error| error.to_string())?;
        let pool = self.pool(trust)?;
        let answer = pool.request(request).await.map_err(|error| told(&error))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), LARGEST).collect().await;
        let body =
            body.map_err(|error| format!("its answer broke off or is larger than 1 MiB: {error}"))?;
        Ok((status, body.to_bytes()))
    }

    fn pool(&self, trust: Trust) -> Result<Pool, String> {
        if let Some(pool) = self.0.lock().get(&trust) {
            return Ok(pool.clone());
        }
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(config(&trust)?)
            .https_or_http()
            // HTTP/2 would hide why a server that wants another certificate hangs up.
            .enable_http1()
            .wrap_connector(tcp);
        let pool = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(https);
        let mut pools = self.0.lock();
        if pools.len() >= MOST_POOLS {
            pools.clear();
        }
        pools.insert(trust, pool.clone());
        Ok(pool)
    }
}

fn config(trust: &Trust) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    match &trust.ca {
        Some(pem) => {
            for certificate in certificates(pem, "ca")? {
                roots
                    .add(certificate)
                    .map_err(|error| format!("its tls.ca can't be used: {error}"))?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    let Some((certificate, key)) = &trust.identity else {
        return Ok(builder.with_no_client_auth());
    };
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|_| "its tls.key is not a private key as PEM".to_owned())?;
    builder
        .with_client_auth_cert(certificates(certificate, "certificate")?, key)
        .map_err(|error| format!("its tls.certificate can't be used with its key: {error}"))
}

fn certificates(pem: &[u8], field: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    all.ok()
        .filter(|all| !all.is_empty())
        .ok_or_else(|| format!("its tls.{field} has no certificate; PEM is wanted"))
}

/// With its causes: hyper tells only the last step.
pub(super) fn told(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        told = format!("{told}: {error}");
        cause = error.source();
    }
    told
}
