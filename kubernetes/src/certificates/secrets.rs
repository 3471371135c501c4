//! What is in the Secrets.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;

use super::certificate::Certificate;
use super::issue::Pair;

/// The label that tells what scalers have made from what somebody else has.
const MADE_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "rouse-scaler");

/// Since when the bundle has had its newest authority.
const SINCE: &str = "rouse.dev/newest-trusted-since";

/// `NAME-link-ca`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Authorities {
    pub(super) signing: Pair,
    /// Believed already.
    pub(super) next: Option<Pair>,
    /// Believed still; their keys are gone.
    pub(super) former: Vec<Certificate>,
}

/// `NAME-proxy-link`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Proxies {
    pub(super) bundle: Vec<Certificate>,
    pub(super) pair: Pair,
    /// Since when the newest authority has been in the bundle.
    pub(super) since: Timestamp,
}

impl Authorities {
    /// # Errors
    /// Says whose it is, or which entry is damaged.
    pub(super) fn read(secret: &Secret) -> Result<Self, String> {
        ours(secret)?;
        let signing = pair(secret, "ca.crt", "ca.key")?;
        let next = has(secret, "next.crt").then(|| pair(secret, "next.crt", "next.key"));
        let next = next.transpose()?;
        for (name, pair) in [("ca.crt", Some(&signing)), ("next.crt", next.as_ref())] {
            if pair.is_some_and(|pair| !pair.certificate.is_authority()) {
                return Err(format!("{name}: not the certificate of an authority"));
            }
        }
        let former = match has(secret, "former.crt") {
            true => certificates(secret, "former.crt")?,
            false => Vec::new(),
        };
        Ok(Self {
            signing,
            next,
            former,
        })
    }

    /// Into the Secret as it was read, or a new one.
    pub(super) fn write(&self, secret: Option<Secret>) -> Secret {
        let mut entries = vec![
            ("ca.crt", self.signing.certificate.pem()),
            ("ca.key", self.signing.key.clone()),
        ];
        if let Some(next) = &self.next {
            entries.push(("next.crt", next.certificate.pem()));
            entries.push(("next.key", next.key.clone()));
        }
        if !self.former.is_empty() {
            entries.push(("former.crt", pems(&self.former)));
        }
        write(secret, "Opaque", entries, None)
    }

    /// Those that are believed now.
    pub(super) fn bundle(&self, now: Timestamp) -> Vec<Certificate> {
        let signing = std::iter::once(&self.signing).chain(&self.next);
        let all = signing.map(|pair| &pair.certificate).chain(&self.former);
        all.filter(|one| !one.is_over(now)).cloned().collect()
    }

    /// The one that was made last.
    pub(super) fn newest(&self) -> &Certificate {
        &self.next.as_ref().unwrap_or(&self.signing).certificate
    }

    /// All but the first, which is over or does no longer sign, as far as they matter.
    pub(super) fn formers(&self, now: Timestamp) -> Vec<Certificate> {
        let all = self.former.iter().chain([&self.signing.certificate]);
        all.filter(|one| !one.is_over(now)).cloned().collect()
    }
}

impl Proxies {
    /// # Errors
    /// Says whose it is, or which entry is damaged.
    pub(super) fn read(secret: &Secret) -> Result<Self, String> {
        ours(secret)?;
        let annotations = secret.metadata.annotations.as_ref();
        let since = annotations.and_then(|all| all.get(SINCE));
        let since = since.and_then(|text| text.parse().ok());
        Ok(Self {
            bundle: certificates(secret, "ca.crt")?,
            pair: pair(secret, "tls.crt", "tls.key")?,
            since: since.ok_or_else(|| format!("the annotation {SINCE} is not a time"))?,
        })
    }

    /// Into the Secret as it was read, or a new one.
    pub(super) fn write(&self, secret: Option<Secret>) -> Secret {
        let entries = vec![
            ("ca.crt", pems(&self.bundle)),
            ("tls.crt", self.pair.certificate.pem()),
            ("tls.key", self.pair.key.clone()),
        ];
        write(secret, "kubernetes.io/tls", entries, Some(self.since))
    }
}

pub(super) fn pems(certificates: &[Certificate]) -> String {
    certificates.iter().map(Certificate::pem).collect()
}

fn ours(secret: &Secret) -> Result<(), String> {
    let labels = secret.metadata.labels.as_ref();
    match labels.and_then(|labels| labels.get(MADE_BY.0)) {
        Some(by) if by == MADE_BY.1 => Ok(()),
        _ => Err(format!(
            "not made by a scaler (no label {}={}): take it away to have one made, or say that certificates are your own (in the chart \
             link.certificates: own; --link-ca, --link-cert and --link-key instead of --link-certificates)",
            MADE_BY.0, MADE_BY.1
        )),
    }
}

fn has(secret: &Secret, name: &str) -> bool {
    secret.data.iter().any(|data| data.contains_key(name))
}

fn entry<'a>(secret: &'a Secret, name: &str) -> Result<&'a [u8], String> {
    let entry = secret.data.as_ref().and_then(|data| data.get(name));
    entry
        .map(|entry| &*entry.0)
        .ok_or_else(|| format!("no entry {name}"))
}

fn certificates(secret: &Secret, name: &str) -> Result<Vec<Certificate>, String> {
    Certificate::read_all(entry(secret, name)?).map_err(|problem| format!("{name}: {problem}"))
}

fn pair(secret: &Secret, certificate: &str, key: &str) -> Result<Pair, String> {
    let parsed = Certificate::read(entry(secret, certificate)?);
    let parsed = parsed.map_err(|problem| format!("{certificate}: {problem}"))?;
    let text = String::from_utf8(entry(secret, key)?.to_vec());
    let text = text.map_err(|_| format!("{key}: not PEM"))?;
    Pair::read(parsed, text).map_err(|problem| format!("{key}: {problem}"))
}

/// Others' labels and annotations stay.
fn write(
    secret: Option<Secret>,
    kind: &str,
    entries: Vec<(&str, String)>,
    since: Option<Timestamp>,
) -> Secret {
    let mut secret = secret.unwrap_or_default();
    secret.type_.get_or_insert_with(|| kind.to_owned());
    let entries = entries.into_iter();
    let entries = entries.map(|(name, text)| (name.to_owned(), ByteString(text.into_bytes())));
    secret.data = Some(entries.collect::<BTreeMap<_, _>>());
    let labels = secret.metadata.labels.get_or_insert_default();
    labels.insert(MADE_BY.0.to_owned(), MADE_BY.1.to_owned());
    if let Some(since) = since {
        let annotations = secret.metadata.annotations.get_or_insert_default();
        annotations.insert(SINCE.to_owned(), since.to_string());
    }
    secret
}
