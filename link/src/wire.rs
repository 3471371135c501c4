//! The messages as they travel, and which versions of them are spoken.

#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::large_futures
)]
mod generated {
    tonic::include_proto!("rouse.link.v1");
}

pub use generated::*;

/// The newest protocol version spoken here.
pub const VERSION: u32 = 1;

/// The oldest protocol version spoken here.
pub const OLDEST_VERSION: u32 = 1;

/// No message is larger, in bytes: room for the report of a proxy with some hundred thousand workloads.
pub const MAX_MESSAGE: usize = 64 << 20;

/// This software's version, for people.
pub const SOFTWARE: &str = env!("CARGO_PKG_VERSION");

/// Two sides speak no version in common.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no link protocol version in common: the proxy ({software}) speaks {oldest} to {newest}, the scaler ({SOFTWARE}) {OLDEST_VERSION} to {VERSION}; bring both to neighbouring releases"
)]
pub struct NoCommonVersion {
    oldest: u32,
    newest: u32,
    software: String,
}

impl Hello {
    /// The newest version that both speak.
    ///
    /// # Errors
    /// When there is none.
    pub fn common_version(&self) -> Result<u32, NoCommonVersion> {
        let oldest = match self.oldest_version {
            0 => self.version,
            oldest => oldest.min(self.version),
        };
        let common = self.version.min(VERSION);
        if common >= oldest.max(OLDEST_VERSION) {
            return Ok(common);
        }
        Err(NoCommonVersion {
            oldest,
            newest: self.version,
            software: self.software.chars().take(64).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Hello;

    fn hello(oldest_version: u32, version: u32) -> Hello {
        Hello {
            version,
            oldest_version,
            software: "9.9".to_owned(),
            ..Hello::default()
        }
    }

    #[test]
    fn the_newest_version_in_common_is_spoken() {
        assert_eq!(hello(1, 1).common_version(), Ok(1));
        assert_eq!(hello(0, 1).common_version(), Ok(1));
        assert_eq!(hello(1, 2).common_version(), Ok(1));
    }

    #[test]
    fn without_one_both_ranges_are_named() {
        for (hello, range) in [
            (hello(2, 3), "2 to 3"),
            (hello(0, 2), "2 to 2"),
            (hello(0, 0), "0 to 0"),
        ] {
            let error = hello.common_version().unwrap_err().to_string();
            assert!(
                error.contains(range) && error.contains("(9.9)") && error.contains("1 to 1"),
                "{error}"
            );
        }
    }
}
