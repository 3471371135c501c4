//! A queue of Amazon SQS.

use super::credential::credential;
use crate::load::Mode;
use crate::load::document::Document;
use crate::load::path::FieldPath;
use crate::resource::{CredentialSpec, Sqs};
use crate::workload::Queue;

pub(super) fn sqs(document: &mut Document, given: &Sqs, mode: Mode, at: &FieldPath) -> Queue {
    let url = given.queue_url.as_str();
    let mut path = url.splitn(4, '/').nth(3).unwrap_or_default().split('/');
    let (account, name) = (path.next(), path.next());
    if account.is_none_or(str::is_empty) || name.is_none_or(str::is_empty) || path.next().is_some()
    {
        document.refuse(
            &at.key("queueURL"),
            format!(
                "{url:?} is not a queue's URL; write one such as https://sqs.ap-northeast-1.amazonaws.com/123456789012/orders"
            ),
        );
    }
    let region = &given.region;
    let of_region = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    if region.is_empty() || region.len() > 64 || !region.bytes().all(of_region) {
        document.refuse(
            &at.key("region"),
            format!("{region:?} is not a region; write one such as ap-northeast-1"),
        );
    }
    if let Some(role) = given.role_arn.as_ref().filter(|role| !is_role(role)) {
        document.refuse(
            &at.key("roleARN"),
            format!(
                "{role:?} is not a role; write one such as arn:aws:iam::123456789012:role/queues"
            ),
        );
    }
    let keys_at = at.key("keys");
    let mut secret =
        |given: &CredentialSpec, field| credential(document, given, mode, &keys_at.key(field));
    let keys = given.keys.as_ref().and_then(|keys| {
        let id = secret(&keys.id, "id");
        let key = secret(&keys.secret, "secret");
        let session = keys.session.as_ref();
        let session = session.map(|session| secret(session, "session"));
        let session = match session {
            Some(session) => Some(session?),
            None => None,
        };
        Some((id?, key?, session))
    });
    Queue {
        url: url.to_owned(),
        region: region.clone(),
        in_flight: given.in_flight.unwrap_or(true),
        delayed: given.delayed.unwrap_or(false),
        endpoint: given
            .endpoint
            .as_ref()
            .map(|endpoint| endpoint.as_str().to_owned()),
        role: given.role_arn.clone(),
        keys,
    }
}

/// E.g. `arn:aws:iam::123456789012:role/queues`.
fn is_role(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let [arn, partition, service, region, account, resource] = parts[..] else {
        return false;
    };
    let name = resource.strip_prefix("role/").unwrap_or_default();
    arn == "arn"
        && !partition.is_empty()
        && (service, region) == ("iam", "")
        && account.len() == 12
        && account.bytes().all(|c| c.is_ascii_digit())
        && !name.is_empty()
        && text.len() <= 2048
}
