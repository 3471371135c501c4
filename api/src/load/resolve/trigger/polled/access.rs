//! How a server that is asked lets one in.

use std::collections::BTreeMap;

use super::MOST_PAIRS;
use super::credential::credential;
use crate::load::Mode;
use crate::load::document::Document;
use crate::load::path::FieldPath;
use crate::resource::{ApiKey, BasicSpec, CredentialSpec, HeaderName, HeaderValue, ServerTls};
use crate::workload::{Access, Credential, KeyIn};

/// The fields that triggers have for it.
pub(super) struct Given<'a> {
    pub(super) headers: &'a BTreeMap<HeaderName, HeaderValue>,
    pub(super) bearer: &'a Option<CredentialSpec>,
    pub(super) basic: &'a Option<BasicSpec>,
    pub(super) api_key: &'a Option<ApiKey>,
    pub(super) tls: &'a Option<ServerTls>,
}

impl Given<'_> {
    /// What is contradictory is noted in the document.
    pub(super) fn resolve(&self, document: &mut Document, mode: Mode, at: &FieldPath) -> Access {
        self.refuse_contradictions(document, at);
        let mut secret = |given: &Option<CredentialSpec>, at: &FieldPath| {
            let given = given.as_ref();
            given.and_then(|given| credential(document, given, mode, at))
        };
        let (bearer, basic) = (self.bearer, self.basic);
        let basic = basic.as_ref().and_then(|basic| {
            let at = at.key("basic").key("password");
            let password = secret(&Some(basic.password.clone()), &at)?;
            Some((basic.username.clone(), password))
        });
        let key = self.api_key.as_ref().and_then(|key| {
            let at = at.key("apiKey").key("value");
            let value = secret(&Some(key.value.clone()), &at)?;
            named(key, value)
        });
        let bearer = secret(bearer, &at.key("bearer"));
        let (ca, identity) = tls(document, self.tls, mode, at);
        Access {
            headers: self.headers.iter().map(header).collect(),
            bearer,
            basic,
            key,
            ca,
            identity,
        }
    }

    fn refuse_contradictions(&self, document: &mut Document, at: &FieldPath) {
        if self.headers.len() > MOST_PAIRS {
            document.refuse(
                &at.key("headers"),
                format!("has more than {MOST_PAIRS} entries"),
            );
        }
        if let (Some(_), Some(_)) = (self.bearer, self.basic) {
            let message = "stands together with bearer: write one of them";
            document.refuse(&at.key("basic"), message);
        }
        let colon = |basic: &BasicSpec| basic.username.contains(':');
        if self.basic.as_ref().is_some_and(colon) {
            document.refuse(
                &at.key("basic").key("username"),
                "has a colon, which no user's name can have",
            );
        }
        if let Some(key) = self.api_key {
            let at = at.key("apiKey");
            if key.header.is_some() == key.query.is_some() {
                document.refuse(&at, "wants one of header and query: write where it goes");
            }
            let of_name = |c: u8| c.is_ascii_alphanumeric() || b"-._~".contains(&c);
            let is_name = |name: &String| !name.is_empty() && name.bytes().all(of_name);
            if let Some(name) = key.query.as_ref().filter(|name| !is_name(name)) {
                let message =
                    format!("{name:?} is not a parameter's name; write one such as api_key");
                document.refuse(&at.key("query"), message);
            }
        }
    }
}

/// Whom to trust, and the client's certificate with its key.
pub(super) fn tls(
    document: &mut Document,
    given: &Option<ServerTls>,
    mode: Mode,
    at: &FieldPath,
) -> (Option<Credential>, Option<(Credential, Credential)>) {
    let Some(given) = given else {
        return (None, None);
    };
    let at = at.key("tls");
    if given.certificate.is_some() != given.key.is_some() {
        let (there, missing) = match given.key {
            None => ("certificate", "key"),
            Some(_) => ("key", "certificate"),
        };
        document.refuse_between(
            &at.key(there),
            &[at.key(missing)],
            format!("stands without {missing}; write both or none"),
        );
    }
    let mut secret = |given: &Option<CredentialSpec>, field| {
        let given = given.as_ref();
        given.and_then(|given| credential(document, given, mode, &at.key(field)))
    };
    let ca = secret(&given.ca, "ca");
    let identity = secret(&given.certificate, "certificate").zip(secret(&given.key, "key"));
    (ca, identity)
}

fn named(key: &ApiKey, value: Credential) -> Option<(KeyIn, String, Credential)> {
    match (&key.header, &key.query) {
        (Some(name), None) => Some((KeyIn::Header, name.as_str().to_owned(), value)),
        (None, Some(name)) => Some((KeyIn::Query, name.clone(), value)),
        _ => None,
    }
}

fn header((name, value): (&HeaderName, &HeaderValue)) -> (String, String) {
    (name.as_str().to_owned(), value.as_str().to_owned())
}
