//! Why a measurement could not be made.

use std::fmt;

/// Text for a person.
#[derive(Debug)]
pub(crate) struct Error(pub(crate) String);

pub(crate) type Result<T> = std::result::Result<T, Error>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Says what was tried when it fails.
pub(crate) trait While<T> {
    fn while_(self, trying: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: fmt::Display> While<T> for std::result::Result<T, E> {
    fn while_(self, trying: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Error(format!("{}: {error}", trying())))
    }
}

impl<T> While<T> for Option<T> {
    fn while_(self, trying: impl FnOnce() -> String) -> Result<T> {
        self.ok_or_else(|| Error(trying()))
    }
}
