use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use parking_lot::Mutex;

/// Hands out a node's addresses, each next one first: an address rests long before it is given again.
#[derive(Debug, Clone)]
pub(crate) struct Addresses(Arc<Mutex<Pool>>);

#[derive(Debug)]
struct Pool {
    first: u32,
    last: u32,
    next: u32,
    taken: BTreeSet<u32>,
}

/// An address in use; returned on drop.
#[derive(Debug)]
pub(crate) struct Address {
    value: u32,
    pool: Addresses,
}

impl Addresses {
    /// All addresses of `network/prefix` but the network's own and the broadcast one.
    pub(crate) fn new(network: Ipv4Addr, prefix: u8) -> Self {
        let mask = u32::MAX
            .checked_shl(32 - u32::from(prefix.min(30)))
            .unwrap_or(0);
        let network = u32::from(network) & mask;
        Self(Arc::new(Mutex::new(Pool {
            first: network + 1,
            last: (network | !mask) - 1,
            next: network + 1,
            taken: BTreeSet::new(),
        })))
    }

    /// The next free address; `None` when all are in use.
    pub(crate) fn take(&self) -> Option<Address> {
        let mut pool = self.0.lock();
        for _ in pool.first..=pool.last {
            let value = pool.next;
            pool.next = if value == pool.last {
                pool.first
            } else {
                value + 1
            };
            if pool.taken.insert(value) {
                return Some(Address {
                    value,
                    pool: self.clone(),
                });
            }
        }
        None
    }
}

impl Address {
    pub(crate) fn ip(&self) -> Ipv4Addr {
        Ipv4Addr::from(self.value)
    }
}

impl Drop for Address {
    fn drop(&mut self) {
        self.pool.0.lock().taken.remove(&self.value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_follow_each_other_and_come_back_last() {
        let pool = Addresses::new(Ipv4Addr::new(10, 244, 0, 0), 29);
        let first = pool.take().unwrap();
        assert_eq!(first.ip(), Ipv4Addr::new(10, 244, 0, 1));
        drop(first);
        let rest: Vec<_> = (0..6).map_while(|_| pool.take()).collect();
        assert_eq!(rest[0].ip(), Ipv4Addr::new(10, 244, 0, 2));
        assert_eq!(rest[5].ip(), Ipv4Addr::new(10, 244, 0, 1));
        assert!(pool.take().is_none());
        drop(rest);
        assert!(pool.take().is_some());
    }
}
