//! Scalars that check themselves: each is written as text or a number and refuses what it can't be.

mod clock;
mod duration;
mod name;
mod number;
mod object;
mod quantity;
mod request;
mod route;
mod schema;
#[cfg(test)]
mod tests;
mod url;

pub use clock::{CronExpression, ZoneName};
pub use duration::Duration;
pub use name::Name;
pub use number::{NotNegative, Positive, StatusCode};
pub use object::{ApiVersion, Kind, ObjectName};
pub use quantity::Quantity;
pub use request::{Method, Network, UserAgent};
pub use route::{HeaderName, HeaderValue, Host, Path};
pub(crate) use schema::{LONGEST_NAME, NAME};
pub use url::{RequestUrl, ServerUrl};

/// `From` into the written form, `Display` of it, for a newtype of text.
macro_rules! written_as_text {
    ($type:ty) => {
        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }
    };
}
use written_as_text;
