//! A trigger's parameters: from its metadata, from variables of the target's containers, from its authentication.

use std::collections::BTreeSet;

use rouse_api::load::FieldPath;
use rouse_api::resource::{CredentialSpec, SecretKey};

use super::authentication::Authentication;
use super::scaled_object::Trigger;
use crate::kubernetes::{Environment, Variable};
use crate::note::Notes;
use crate::scalar::number;

/// The parameters of one trigger. What is asked for is taken; [`Values::rest`] tells what nobody asked for.
pub(super) struct Values<'a> {
    /// The trigger's metadata.
    pub(super) at: FieldPath,
    /// What it becomes, e.g. `spec.triggers[0].prometheus`.
    pub(super) to: FieldPath,
    pub(super) trigger: &'a Trigger,
    pub(super) authentication: Option<&'a Authentication>,
    pub(super) environment: Option<&'a Environment>,
    /// The role of the target's own service account.
    pub(super) role: Option<&'a str>,
    /// `envSourceContainerName`.
    pub(super) container: Option<&'a str>,
    pub(super) taken: BTreeSet<String>,
}

/// What a parameter is.
enum Value {
    Text(String),
    Secret(SecretKey),
}

impl Values<'_> {
    /// From metadata alone.
    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        self.taken.insert(key.to_owned());
        let text = self.trigger.metadata.get(key)?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// From metadata, there perhaps by the name of a variable, or from the authentication.
    pub(super) fn resolved(&mut self, key: &str, notes: &mut Notes) -> Option<String> {
        if let Some(text) = self.text(key) {
            return Some(text);
        }
        let at = self.at.key(key);
        match self.elsewhere(key, notes)? {
            Value::Text(text) => Some(text),
            Value::Secret(secret) => {
                let message = format!(
                    "comes from the Secret {}, and is no secret to Rouse: write its value",
                    secret.name
                );
                notes.lost(&at, message);
                None
            }
        }
    }

    /// The one that must be there.
    pub(super) fn required(&mut self, key: &str, notes: &mut Notes) -> Option<String> {
        let known = notes.len();
        let text = self.resolved(key, notes);
        if text.is_none() && notes.len() == known {
            notes.mistake(&self.at.key(key), "is missing");
        }
        text
    }

    /// A secret one; `to`: its field in what comes out.
    pub(super) fn credential(
        &mut self,
        key: &str,
        to: &str,
        notes: &mut Notes,
    ) -> Option<CredentialSpec> {
        let at = self.at.key(key);
        if self.text(key).is_some() {
            notes.lost(
                &at,
                "is written out; put it into a Secret of the workload's namespace",
            );
            return None;
        }
        match self.elsewhere(key, notes)? {
            Value::Text(_) => {
                let message = "is a plain value of a container; put it into a Secret of the workload's namespace";
                notes.lost(&at, message);
                None
            }
            Value::Secret(secret) => {
                if self.authentication.is_some_and(|given| given.of_cluster) {
                    let message = format!(
                        "copy the Secret {} here from KEDA's namespace: Rouse reads those of the workload's own only",
                        secret.name
                    );
                    let to = to
                        .split('.')
                        .fold(self.to.clone(), |path, key| path.key(key));
                    notes.lost_at(&self.trigger.at.key("authenticationRef"), to, message);
                }
                Some(CredentialSpec {
                    secret: Some(secret),
                    file: None,
                })
            }
        }
    }

    /// Whether the authentication has it.
    pub(super) fn is_authenticated(&self, key: &str) -> bool {
        self.authentication.is_some_and(|given| {
            given.secrets.contains_key(key) || given.variables.contains_key(key)
        })
    }

    fn elsewhere(&mut self, key: &str, notes: &mut Notes) -> Option<Value> {
        let from_variable = format!("{key}FromEnv");
        if let Some(name) = self.text(&from_variable) {
            let at = self.at.key(&from_variable);
            return self.variable(&name, self.container, &at, notes);
        }
        let given = self.authentication?;
        if let Some(secret) = given.secrets.get(key) {
            return Some(Value::Secret(secret.clone()));
        }
        let (name, container) = given.variables.get(key)?;
        let at = self.trigger.at.key("authenticationRef");
        self.variable(name, container.as_deref().or(self.container), &at, notes)
    }

    fn variable(
        &self,
        name: &str,
        container: Option<&str>,
        at: &FieldPath,
        notes: &mut Notes,
    ) -> Option<Value> {
        let Some(environment) = self.environment else {
            let message = format!(
                "needs the variable {name} of what scales, whose manifest is not here; give it, too, or write the value"
            );
            notes.lost(at, message);
            return None;
        };
        match environment.variable(container, name) {
            Some(Variable::Text(text)) => Some(Value::Text(text)),
            Some(Variable::Secret(secret)) => Some(Value::Secret(secret)),
            Some(Variable::Other) => {
                let message = format!(
                    "needs the variable {name}, which is neither written out nor from a Secret; write the value"
                );
                notes.lost(at, message);
                None
            }
            None => {
                let message =
                    format!("needs the variable {name}, which the container doesn't have");
                notes.mistake(at, message);
                None
            }
        }
    }

    /// `Err`: it is there, and can't be one; that has been told.
    pub(super) fn number(&mut self, key: &str, notes: &mut Notes) -> Result<Option<f64>, ()> {
        let Some(text) = self.text(key) else {
            return Ok(None);
        };
        number(&text).map(Some).ok_or_else(|| {
            notes.mistake(
                &self.at.key(key),
                format!("is {text:?}; a number is wanted"),
            );
        })
    }

    /// Above zero.
    pub(super) fn positive(&mut self, key: &str, notes: &mut Notes) -> Result<Option<f64>, ()> {
        let number = self.number(key, notes)?;
        match number {
            Some(number) if number <= 0.0 => {
                notes.mistake(
                    &self.at.key(key),
                    format!("is {number}; it must be above 0"),
                );
                Err(())
            }
            number => Ok(number),
        }
    }

    pub(super) fn flag(&mut self, key: &str, default: bool, notes: &mut Notes) -> Result<bool, ()> {
        let Some(text) = self.text(key) else {
            return Ok(default);
        };
        match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "1" => Ok(true),
            "false" | "f" | "0" => Ok(false),
            _ => {
                let message = format!("is {text:?}; \"true\" or \"false\" is wanted");
                notes.mistake(&self.at.key(key), message);
                Err(())
            }
        }
    }

    /// `k=v,k=v`.
    pub(super) fn pairs(
        &mut self,
        key: &str,
        notes: &mut Notes,
    ) -> Result<Vec<(String, String)>, ()> {
        let Some(text) = self.text(key) else {
            return Ok(Vec::new());
        };
        let mut pairs = Vec::new();
        for pair in text.split(',') {
            let Some((name, value)) = pair.split_once('=') else {
                let message = format!("has {pair:?}; name=value,name=value is wanted");
                notes.mistake(&self.at.key(key), message);
                return Err(());
            };
            pairs.push((name.trim().to_owned(), value.trim().to_owned()));
        }
        Ok(pairs)
    }

    /// Tells, of parameters that are known to have no counterpart, those that are there.
    pub(super) fn lost(&mut self, all: &[(&str, &str)], notes: &mut Notes) {
        for (key, why) in all {
            if self.text(key).is_some() {
                notes.lost(&self.at.key(key), *why);
            }
        }
    }

    /// Tells each parameter that nobody has asked for.
    pub(super) fn rest(&self, notes: &mut Notes) {
        for key in self.trigger.metadata.keys() {
            if !self.taken.contains(key) {
                let message = format!(
                    "is not a parameter of {} that is known here, and not carried over",
                    self.trigger.kind
                );
                notes.lost(&self.at.key(key), message);
            }
        }
    }
}
