use rouse_api::resource::{AwsKeys, Sqs, Trigger};

use super::{Bounds, activation, only_average};
use crate::keda::values::Values;
use crate::note::Notes;
use crate::scalar::wanted;

/// KEDA's messages per replica.
const QUEUE_LENGTH: f64 = 5.0;

pub(super) fn sqs(values: &mut Values<'_>, _: &Bounds, notes: &mut Notes) -> Option<Trigger> {
    let at = values.at.clone();
    let url = values.required("queueURL", notes);
    let region = values.required("awsRegion", notes);
    let length = values.positive("queueLength", notes);
    let activation = activation(values, "activationQueueLength", "sqs", notes);
    let in_flight = values.flag("scaleOnInFlight", true, notes);
    let delayed = values.flag("scaleOnDelayed", false, notes);
    let endpoint = values.resolved("awsEndpoint", notes);
    only_average(values, "sqs", notes);
    let who = who(values, notes);
    let url = url?;
    if !url.contains("://") {
        let message = format!(
            "{url:?} is a name alone; write the queue's whole URL, e.g. https://sqs.ap-northeast-1.amazonaws.com/123456789012/{url}"
        );
        notes.lost(&at.key("queueURL"), message);
        return None;
    }
    if queue_name(&url).is_none() {
        let message =
            format!("{url:?}: cannot get queueName from queueURL; its path must be /ACCOUNT/NAME");
        notes.mistake(&at.key("queueURL"), message);
        return None;
    }
    let endpoint = match endpoint {
        Some(endpoint) => Some(wanted(endpoint, &at.key("awsEndpoint"), notes)?),
        None => None,
    };
    let who = who?;
    Some(Trigger {
        sqs: Some(Sqs {
            queue_url: wanted(url, &at.key("queueURL"), notes)?,
            region: region?,
            per_replica: wanted(
                length.ok()?.unwrap_or(QUEUE_LENGTH),
                &at.key("queueLength"),
                notes,
            )?,
            activation: Some(activation.ok()?),
            in_flight: Some(in_flight.ok()?),
            delayed: Some(delayed.ok()?),
            endpoint,
            role_arn: who.role,
            keys: who.keys,
        }),
        ..Trigger::default()
    })
}

fn queue_name(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let mut path = rest.split('/').skip(1);
    let (account, name) = (path.next()?, path.next()?);
    let fits = !account.is_empty() && !name.is_empty() && path.next().is_none();
    fits.then_some(name)
}

/// As whom the queue is asked; neither: the scaler's own identity.
#[derive(Default)]
struct Who {
    role: Option<String>,
    keys: Option<AwsKeys>,
}

/// `None`: nobody could ask it; that has been told.
fn who(values: &mut Values<'_>, notes: &mut Notes) -> Option<Who> {
    let owner = values
        .text("identityOwner")
        .unwrap_or_else(|| "pod".to_owned());
    match owner.as_str() {
        // KEDA's own identity; whatever the authentication says is passed over there, too.
        "operator" => return Some(Who::default()),
        "pod" | "workload" => {}
        other => {
            let message = format!("{other:?} is unknown; pod, workload or operator is wanted");
            notes.mistake(&values.at.key("identityOwner"), message);
            return None;
        }
    }
    if let Some(identity) = values
        .authentication
        .and_then(|given| given.identity.as_ref())
    {
        let at = values.trigger.at.key("authenticationRef");
        let role = identity.role.clone();
        let own = values
            .role
            .filter(|_| identity.of_workload)
            .map(str::to_owned);
        if identity.of_workload && role.is_none() {
            let message = match &own {
                Some(_) => {
                    "the role of the workload's own service account: let it trust the scaler's identity"
                }
                None => {
                    "podIdentity takes the role of the workload's own service account (eks.amazonaws.com/role-arn), whose manifest is not here: write it as roleARN, and let it trust the scaler's identity"
                }
            };
            let line = values.to.key("sqs").key("roleARN");
            notes.lost_at(&at, line, message);
        }
        return Some(Who {
            role: role.or(own),
            keys: None,
        });
    }
    if values.is_authenticated("awsRoleArn") {
        let role = values.resolved("awsRoleArn", notes);
        return Some(Who {
            role: Some(role?),
            keys: None,
        });
    }
    let known = notes.len();
    let id = values.credential("awsAccessKeyID", "sqs.keys.id", notes);
    let secret = values.credential("awsSecretAccessKey", "sqs.keys.secret", notes);
    let session = match values.is_authenticated("awsSessionToken") {
        true => Some(values.credential("awsSessionToken", "sqs.keys.session", notes)?),
        false => None,
    };
    if let Some((id, secret)) = id.zip(secret) {
        let keys = Some(AwsKeys {
            id,
            secret,
            session,
        });
        return Some(Who { role: None, keys });
    }
    if notes.len() == known {
        let message = "is pod, and there are neither awsAccessKeyID and awsSecretAccessKey nor a role; write identityOwner: operator for KEDA's own identity, or an authenticationRef";
        notes.mistake(&values.at.key("identityOwner"), message);
    }
    None
}
