//! Names of slices: each tells the workload, its port and for whom that was given, so that none of it can be changed.

use std::net::IpAddr;

use rouse_api::workload::WorkloadId;

/// What kind of addresses a slice has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// As a slice's `addressType`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }
}

/// The parts of a slice's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceName {
    /// The workload's.
    pub workload: String,
    /// The port that is the workload's.
    pub port: u16,
    /// Of [`mark`].
    pub mark: u32,
    /// Of its addresses.
    pub family: Family,
    /// From 0.
    pub number: usize,
}

impl SliceName {
    /// `None`: it is none that Rouse makes.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let mut parts = name.rsplitn(6, '-');
        let number = parts.next()?.parse().ok()?;
        let family = match parts.next()? {
            "ipv4" => Family::V4,
            "ipv6" => Family::V6,
            _ => return None,
        };
        let mark = u32::from_str_radix(parts.next()?, 16).ok()?;
        let port = parts.next()?.parse().ok()?;
        let ours = parts.next()? == "rouse";
        let parsed = Self {
            workload: parts.next()?.to_owned(),
            port,
            mark,
            family,
            number,
        };
        // One name for each: a zero or a sign more is another's.
        (ours && parsed.to_string() == name).then_some(parsed)
    }
}

impl std::fmt::Display for SliceName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            workload,
            port,
            mark,
            number,
            ..
        } = self;
        let family = self.family.as_str().to_ascii_lowercase();
        write!(f, "{workload}-rouse-{port}-{mark:08x}-{family}-{number}")
    }
}

/// Tells the slices of an object and its Service from those of an earlier object of the same name, or of another Service.
#[must_use]
pub fn mark(uid: &str, service: &str) -> u32 {
    hash(&[uid, service])
}

/// Where in the range the search for a workload's port begins: so that it mostly gets the one that it had.
#[must_use]
pub fn start(workload: &WorkloadId) -> u32 {
    hash(&[workload.as_str()])
}

/// FNV-1a (draft-eastlake-fnv), folded to 32 bits: the same in every version, for it is in names.
fn hash(parts: &[&str]) -> u32 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let mut state = BASIS;
    for part in parts {
        for byte in part.bytes().chain([0]) {
            state = (state ^ u64::from(byte)).wrapping_mul(PRIME);
        }
    }
    // Both halves are 32 bits wide.
    u32::try_from((state >> 32) ^ (state & u64::from(u32::MAX))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_were_written() {
        let name = SliceName {
            workload: "hello-rouse-1".to_owned(),
            port: 20_017,
            mark: 0xab,
            family: Family::V6,
            number: 12,
        };
        let text = "hello-rouse-1-rouse-20017-000000ab-ipv6-12";
        assert_eq!(name.to_string(), text);
        assert_eq!(SliceName::parse(text), Some(name));
    }

    #[test]
    fn others_names_are_not_taken_for_ours() {
        for other in [
            "hello",
            "hello-abc12",
            "hello-rouse-20017-000000ab-ipv6",
            "hello-rouse-20017-ab-ipv6-0",
            "hello-rouse-020017-000000ab-ipv6-0",
            "hello-rouse-70000-000000ab-ipv6-0",
            "hello-mouse-20017-000000ab-ipv6-0",
            "hello-rouse-20017-000000AB-ipv6-0",
            "hello-rouse-20017-000000ab-fqdn-0",
        ] {
            assert_eq!(SliceName::parse(other), None, "{other}");
        }
    }

    #[test]
    fn marks_are_the_same_in_every_version() {
        assert_eq!(mark("sw-hello", "hello"), mark("sw-hello", "hello"));
        assert_ne!(mark("sw-hello", "hello"), mark("sw-hell", "ohello"));
        // Slices that there are bear it.
        assert_eq!(mark("a", "b"), 0xa600_57f4);
    }
}
