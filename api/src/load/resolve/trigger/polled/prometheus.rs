//! A query of a server with Prometheus' API.

use super::MOST_PAIRS;
use super::credential::credential;
use crate::load::Mode;
use crate::load::document::Document;
use crate::load::path::FieldPath;
use crate::resource::{CredentialSpec, HeaderName, HeaderValue, Prometheus, WhenEmpty};
use crate::workload::{Access, Query};

pub(super) fn prometheus(
    document: &mut Document,
    given: &Prometheus,
    mode: Mode,
    at: &FieldPath,
) -> Query {
    if given.query.trim().is_empty() {
        document.refuse(
            &at.key("query"),
            "is empty; write one that yields one number, e.g. sum(rate(requests_total[2m]))",
        );
    } else if given.query.len() > 16384 {
        document.refuse(&at.key("query"), "is longer than 16384 characters");
    }
    if given.headers.len() > MOST_PAIRS {
        document.refuse(
            &at.key("headers"),
            format!("has more than {MOST_PAIRS} entries"),
        );
    }
    if let (Some(_), Some(_)) = (&given.bearer, &given.basic) {
        let message = "stands together with bearer: write one of them";
        document.refuse(&at.key("basic"), message);
    }
    let mut secret = |given: &Option<CredentialSpec>, at: &FieldPath| {
        given
            .as_ref()
            .and_then(|given| credential(document, given, mode, at))
    };
    let tls = given.tls.clone().unwrap_or_default();
    let tls_at = at.key("tls");
    let access = Access {
        headers: given.headers.iter().map(header).collect(),
        bearer: secret(&given.bearer, &at.key("bearer")),
        basic: given.basic.as_ref().and_then(|basic| {
            let at = at.key("basic").key("password");
            let password = secret(&Some(basic.password.clone()), &at)?;
            Some((basic.username.clone(), password))
        }),
        ca: secret(&tls.ca, &tls_at.key("ca")),
        identity: secret(&tls.certificate, &tls_at.key("certificate"))
            .zip(secret(&tls.key, &tls_at.key("key"))),
    };
    if given
        .basic
        .as_ref()
        .is_some_and(|basic| basic.username.contains(':'))
    {
        document.refuse(
            &at.key("basic").key("username"),
            "has a colon, which no user's name can have",
        );
    }
    if tls.certificate.is_some() != tls.key.is_some() {
        let (there, missing) = match tls.key {
            None => ("certificate", "key"),
            Some(_) => ("key", "certificate"),
        };
        document.refuse_between(
            &tls_at.key(there),
            &[tls_at.key(missing)],
            format!("stands without {missing}; write both or none"),
        );
    }
    Query {
        server: given.server_address.as_str().to_owned(),
        query: given.query.clone(),
        empty_is_zero: given.when_empty == Some(WhenEmpty::Zero),
        access,
    }
}

fn header((name, value): (&HeaderName, &HeaderValue)) -> (String, String) {
    (name.as_str().to_owned(), value.as_str().to_owned())
}
