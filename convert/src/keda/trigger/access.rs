//! How triggers are let in where they ask, which several types write alike.

use rouse_api::load::FieldPath;
use rouse_api::resource::{BasicSpec, CredentialSpec, ServerTls};

use crate::keda::values::Values;
use crate::note::Notes;

/// What of it was carried over.
#[derive(Debug, Default)]
pub(super) struct Access {
    pub(super) bearer: Option<CredentialSpec>,
    pub(super) basic: Option<BasicSpec>,
    pub(super) tls: Option<ServerTls>,
}

impl Access {
    /// Takes up one way. `field`: the trigger's in what comes out; `token`: the parameter with the bearer's token; `at`: where the way is named.
    /// `false`: it is another way.
    pub(super) fn add(
        &mut self,
        mode: &str,
        values: &mut Values<'_>,
        (field, token, at): (&str, &str, &FieldPath),
        notes: &mut Notes,
    ) -> bool {
        match mode {
            "bearer" => {
                self.bearer = values.credential(token, &format!("{field}.bearer"), notes);
            }
            "basic" => {
                let username = values.resolved("username", notes);
                let to = format!("{field}.basic.password");
                let both = username.zip(values.credential("password", &to, notes));
                if both.is_none() {
                    notes.lost(at, "basic is not carried over: write basic: {username: NAME, password: {secret: {name: ..., key: ...}}}");
                }
                self.basic = both.map(|(username, password)| BasicSpec { username, password });
            }
            "tls" => {
                self.certificates(values, field, [None, Some("cert"), Some("key")], notes);
                let tls = self.tls.as_ref();
                if tls.is_none_or(|tls| tls.certificate.is_none() || tls.key.is_none()) {
                    notes.mistake(
                        at,
                        "has tls, which needs cert and key from an authenticationRef",
                    );
                }
            }
            _ => return false,
        }
        if self.bearer.is_some() && self.basic.is_some() {
            let message = "has bearer and basic; only one can be sent, and bearer was taken";
            notes.mistake(at, message);
            self.basic = None;
        }
        true
    }

    /// By the parameters for the authority, the client's certificate and its key; those that the authentication has.
    pub(super) fn certificates(
        &mut self,
        values: &mut Values<'_>,
        field: &str,
        [ca, certificate, key]: [Option<&str>; 3],
        notes: &mut Notes,
    ) {
        let mut tls = self.tls.take().unwrap_or_default();
        let mut read = |name: Option<&str>, to: &str, there: Option<CredentialSpec>| {
            let name = name.filter(|name| values.is_authenticated(name));
            let read =
                name.and_then(|name| values.credential(name, &format!("{field}.tls.{to}"), notes));
            read.or(there)
        };
        tls.ca = read(ca, "ca", tls.ca);
        tls.certificate = read(certificate, "certificate", tls.certificate);
        tls.key = read(key, "key", tls.key);
        self.tls = Some(tls).filter(|tls| *tls != ServerTls::default());
    }
}

/// A switch that Rouse has not.
pub(super) fn unsafe_ssl(values: &mut Values<'_>, notes: &mut Notes) -> Result<(), ()> {
    if values.flag("unsafeSsl", false, notes)? {
        let message = "has no counterpart: certificates are checked; name the authority as tls.ca";
        notes.lost(&values.at.key("unsafeSsl"), message);
    }
    Ok(())
}
