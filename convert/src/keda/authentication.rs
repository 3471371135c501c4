//! TriggerAuthentication and ClusterTriggerAuthentication.

use std::collections::BTreeMap;

use rouse_api::load::FieldPath;
use rouse_api::resource::SecretKey;

use crate::fields::Fields;
use crate::kubernetes::secret_key;
use crate::node::Node;
use crate::note::{Note, Notes};

/// Where a trigger's credentials are.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Authentication {
    /// Of another namespace than the workload's.
    pub(super) of_cluster: bool,
    /// By the trigger's parameter.
    pub(super) secrets: BTreeMap<String, SecretKey>,
    /// By the trigger's parameter: name of a variable, container.
    pub(super) variables: BTreeMap<String, (String, Option<String>)>,
    pub(super) identity: Option<Identity>,
}

/// `podIdentity`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Identity {
    pub(super) provider: String,
    pub(super) role: Option<String>,
    /// It is the workload's own, not KEDA's.
    pub(super) of_workload: bool,
}

impl Authentication {
    pub(super) fn read(object: &Node) -> (Self, Vec<Note>) {
        let mut notes = Notes::default();
        let mut spec = Fields::of(
            object.get("spec").unwrap_or(&Node::Null),
            FieldPath::of("spec"),
            &mut notes,
        );
        let mut secrets = BTreeMap::new();
        for mut one in spec.maps("secretTargetRef", &mut notes) {
            let parameter = one.text("parameter", &mut notes);
            let name = one.text("name", &mut notes);
            let key = one.text("key", &mut notes);
            let path = one.path.clone();
            one.rest(&mut notes);
            match (parameter, name, key) {
                (Some(parameter), Some(name), Some(key)) => match secret_key(&name, &key) {
                    Some(secret) => _ = secrets.insert(parameter, secret),
                    None => notes.mistake(
                        &path.key("name"),
                        format!("{name:?} is not a Secret's name"),
                    ),
                },
                _ => notes.mistake(&path, "needs parameter, name and key"),
            }
        }
        let mut variables = BTreeMap::new();
        for mut one in spec.maps("env", &mut notes) {
            let parameter = one.text("parameter", &mut notes);
            let name = one.text("name", &mut notes);
            let container = one.text("containerName", &mut notes);
            let path = one.path.clone();
            one.rest(&mut notes);
            match parameter.zip(name) {
                Some((parameter, name)) => _ = variables.insert(parameter, (name, container)),
                None => notes.mistake(&path, "needs parameter and name"),
            }
        }
        for mut one in spec.maps("configMapTargetRef", &mut notes) {
            let parameter = one.text("parameter", &mut notes).unwrap_or_default();
            let message =
                format!("Rouse reads no ConfigMaps: write {parameter} into the trigger itself");
            notes.lost(&one.path, message);
        }
        let identity = spec.map("podIdentity", &mut notes);
        let identity = identity.and_then(|fields| identity_of(fields, &mut notes));
        for key in spec.left() {
            let message =
                "has no counterpart: Rouse takes credentials from Secrets, or AWS' by an identity";
            notes.lost(&spec.path.key(key), message);
        }
        let read = Self {
            of_cluster: object.text("kind") == Some("ClusterTriggerAuthentication"),
            secrets,
            variables,
            identity,
        };
        (read, notes.into_vec())
    }
}

fn identity_of(mut fields: Fields<'_>, notes: &mut Notes) -> Option<Identity> {
    let provider = fields.text("provider", notes).unwrap_or_default();
    let role = fields.text("roleArn", notes);
    let owner = fields.text("identityOwner", notes);
    let at = fields.path.clone();
    fields.lost(
        &[(
            "externalID",
            "has no counterpart: Rouse assumes a role without one",
        )],
        notes,
    );
    match provider.as_str() {
        "" | "none" => {
            fields.rest(notes);
            None
        }
        "aws" | "aws-eks" => {
            fields.rest(notes);
            Some(Identity {
                of_workload: provider == "aws-eks" || owner.as_deref() == Some("workload"),
                provider,
                role,
            })
        }
        other => {
            let message =
                format!("{other} has no counterpart: Rouse knows AWS' identities, and Secrets");
            notes.lost(&at.key("provider"), message);
            None
        }
    }
}
