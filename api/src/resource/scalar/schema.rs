//! What the scalars look like in a schema of Kubernetes.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{
    ApiVersion, CronExpression, Duration, HeaderName, HeaderValue, Host, Kind, Method, Name,
    Network, NotNegative, ObjectName, Path, Positive, Quantity, RequestUrl, ServerUrl, StatusCode,
    UserAgent, ZoneName,
};
use crate::resource::PortRef;
use crate::schedule::{LONGEST_EXPRESSION, LONGEST_ZONE};

/// A DNS-1123 label, without its length.
macro_rules! label {
    () => {
        "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
    };
}
macro_rules! subdomain {
    () => {
        concat!(label!(), "(\\.", label!(), ")*")
    };
}
/// A host's label is as people write it: in any case, and with underscores.
macro_rules! host_label {
    () => {
        "[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
    };
}

/// A DNS-1123 label, as a name of a resource and of a Service is.
pub(crate) const NAME: &str = concat!("^", label!(), "$");
pub(crate) const LONGEST_NAME: u32 = 63;

const OBJECT_NAME: &str = concat!("^", subdomain!(), "$");
const API_VERSION: &str = concat!("^(", subdomain!(), "/)?v[0-9][a-z0-9]{0,61}$");
const HOST: &str = concat!(
    "^(\\*|(\\*\\.)?(",
    host_label!(),
    "(\\.",
    host_label!(),
    ")*|\\[[0-9A-Fa-f:.]{2,45}\\]))$"
);
/// No empty segment, and no space, control character, query, fragment or star.
const PATH: &str = "^(/[^/?#*\\x00-\\x20\\x7f]+)*/?$";
const QUANTITY: &str = "^[0-9]{1,20}(\\.[0-9]{1,9})?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi)?$";
/// Which a duration matches and the empty text, too.
const DURATION: &str = "self.matches('^([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$') && duration(self) <= duration('8760h')";

/// One field of cron: a list of what a number may be.
macro_rules! cron {
    ($number:expr) => {
        concat!("(", cron!(@ $number), ")(,(", cron!(@ $number), "))*")
    };
    (@ $number:expr) => {
        concat!("([*?]|(", $number, ")(-(", $number, "))?)(/[1-9][0-9]?)?")
    };
}
/// Five fields. That ranges go up, that a step is not too large and that the day ever comes only the loader knows.
const CRON: &str = concat!(
    "^ *",
    cron!("[0-5]?[0-9]"),
    " +",
    cron!("[01]?[0-9]|2[0-3]"),
    " +",
    cron!("0?[1-9]|[12][0-9]|3[01]"),
    " +",
    cron!(
        "0?[1-9]|1[0-2]|[Jj][Aa][Nn]|[Ff][Ee][Bb]|[Mm][Aa][Rr]|[Aa][Pp][Rr]|[Mm][Aa][Yy]|[Jj][Uu][Nn]|[Jj][Uu][Ll]|[Aa][Uu][Gg]|[Ss][Ee][Pp]|[Oo][Cc][Tt]|[Nn][Oo][Vv]|[Dd][Ee][Cc]"
    ),
    " +",
    cron!(
        "0?[0-7]|[Ss][Uu][Nn]|[Mm][Oo][Nn]|[Tt][Uu][Ee]|[Ww][Ee][Dd]|[Tt][Hh][Uu]|[Ff][Rr][Ii]|[Ss][Aa][Tt]"
    ),
    " *$"
);

macro_rules! schema {
    ($($type:ty: $schema:tt,)*) => {$(
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )*};
}

schema! {
    Name: {"type": "string", "pattern": NAME, "maxLength": LONGEST_NAME},
    ObjectName: {"type": "string", "pattern": OBJECT_NAME, "maxLength": 253},
    ApiVersion: {"type": "string", "pattern": API_VERSION, "maxLength": 253},
    Kind: {"type": "string", "pattern": "^[A-Z][A-Za-z0-9]{0,62}$"},
    Host: {"type": "string", "pattern": HOST, "maxLength": 253},
    Path: {"type": "string", "pattern": PATH, "minLength": 1},
    HeaderName: {"type": "string", "pattern": "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$"},
    HeaderValue: {"type": "string", "pattern": "^([!-~]([\\t -~]*[!-~])?)?$"},
    Method: {"type": "string", "pattern": "^[A-Z_-]{1,32}$"},
    UserAgent: {"type": "string", "pattern": "^[ -~]{1,256}$"},
    Network: {
        "type": "string",
        "maxLength": 49,
        "x-kubernetes-validations": [{
            "rule": "isCIDR(self) || isIP(self)",
            "message": "is neither a network nor an address; write one such as 10.0.0.0/8 or 192.0.2.1"
        }]
    },
    Positive: {"type": "number", "minimum": 0, "exclusiveMinimum": true},
    NotNegative: {"type": "number", "minimum": 0},
    StatusCode: {"type": "integer", "format": "int32", "minimum": 200, "maximum": 599},
    Quantity: {"x-kubernetes-int-or-string": true, "pattern": QUANTITY, "maxLength": 32, "minimum": 0},
    PortRef: {
        "x-kubernetes-int-or-string": true,
        "pattern": "^[0-9-]*[a-z][a-z0-9-]*$",
        "maxLength": 15,
        "minimum": 1,
        "maximum": 65535
    },
    CronExpression: {"type": "string", "pattern": CRON, "maxLength": LONGEST_EXPRESSION},
    ServerUrl: {
        "type": "string",
        "pattern": "^https?://([^/?#@:\\[\\]\\x00-\\x20\\x7f]+(:[0-9]{1,5})?|\\[[0-9A-Fa-f:.]{2,45}\\](:[0-9]{1,5})?)(/[^?#@\\x00-\\x20\\x7f]*)?$",
        "maxLength": super::url::LONGEST_URL
    },
    RequestUrl: {
        "type": "string",
        "pattern": "^https?://([^/?#@:\\[\\]\\x00-\\x20\\x7f]+(:[0-9]{1,5})?|\\[[0-9A-Fa-f:.]{2,45}\\](:[0-9]{1,5})?)(/[^?#@\\x00-\\x20\\x7f]*)?([?][^#\\x00-\\x20\\x7f]*)?$",
        "maxLength": super::url::LONGEST_URL
    },
    ZoneName: {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_+/-]*$", "maxLength": LONGEST_ZONE},
    Duration: {
        "type": "string",
        "minLength": 2,
        "maxLength": Duration::LONGEST,
        "x-kubernetes-validations": [{
            "rule": DURATION,
            "message": Duration::WANTED
        }]
    },
}
