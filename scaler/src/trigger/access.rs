//! Requests to servers that triggers ask.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, HeaderName, USER_AGENT};
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use rouse_api::workload::{Access, KeyIn, WorkloadId};

use super::credential::{read, text};
use super::percent;
use super::pools::{Pools, Version};
use crate::platform::Platform;

/// Of an answer's body; a value takes some hundred bytes.
const LARGEST: usize = 1 << 20;

/// Characters of a server's own words.
const TOLD: usize = 200;

/// Asks by HTTP.
#[derive(Debug)]
pub(super) struct Http(Pools<Empty<Bytes>>);

impl Default for Http {
    fn default() -> Self {
        Self(Pools::new(Version::Http1))
    }
}

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
        let (mut url, mut secrets) = (url, Vec::new());
        let secret = async |of| read(platform, workload, of).await;
        match &access.key {
            Some((KeyIn::Query, name, key)) => {
                url = with_key(&url, name, text(&secret(key).await?)?)?;
            }
            Some((KeyIn::Header, name, key)) => {
                secrets.push((header(name)?, text(&secret(key).await?)?.to_owned()));
            }
            None => {}
        }
        match (&access.bearer, &access.basic) {
            (Some(token), _) => {
                let token = secret(token).await?;
                secrets.push((AUTHORIZATION, format!("Bearer {}", text(&token)?)));
            }
            (None, Some((user, password))) => {
                let password = secret(password).await?;
                let pair = BASE64_STANDARD.encode(format!("{user}:{}", text(&password)?));
                secrets.push((AUTHORIZATION, format!("Basic {pair}")));
            }
            (None, None) => {}
        }
        let mut request = Request::get(url)
            .header(USER_AGENT, "rouse")
            .header(ACCEPT, "*/*");
        for (name, value) in &access.headers {
            let value = HeaderValue::try_from(value.as_str()).map_err(|error| error.to_string())?;
            request = request.header(header(name)?, value);
        }
        for (name, value) in secrets {
            let mut value = HeaderValue::try_from(value)
                .map_err(|_| "its credential has characters that no header can have".to_owned())?;
            value.set_sensitive(true);
            request = request.header(name, value);
        }
        let request = request.body(Empty::new());
        let request = request.map_err(|error| error.to_string())?;
        let pool = self.0.of(platform, workload, access).await?;
        let answer = pool.request(request).await.map_err(|error| told(&error))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), LARGEST).collect().await;
        let body =
            body.map_err(|error| format!("its answer broke off or is larger than 1 MiB: {error}"))?;
        Ok((status, body.to_bytes()))
    }
}

fn header(name: &str) -> Result<HeaderName, String> {
    HeaderName::try_from(name).map_err(|error| error.to_string())
}

/// With one parameter more.
fn with_key(url: &Uri, name: &str, key: &str) -> Result<Uri, String> {
    let joint = if url.query().is_some() { '&' } else { '?' };
    let path = match url.path() {
        "" => "/",
        path => path,
    };
    let (scheme, authority) = (url.scheme_str().unwrap_or_default(), url.authority());
    let authority = authority.map_or("", |authority| authority.as_str());
    let query = url
        .query()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    let key = percent::encoded(key);
    let whole = format!("{scheme}://{authority}{path}{query}{joint}{name}={key}");
    // The error would show the key.
    whole
        .parse()
        .map_err(|_| "its apiKey makes no URL".to_owned())
}

/// That the server has answered otherwise, in its own words.
pub(super) fn refused(status: StatusCode, own: &str) -> String {
    let own: String = own.trim().chars().take(TOLD).collect();
    format!("the server answers {status}: {own}")
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
