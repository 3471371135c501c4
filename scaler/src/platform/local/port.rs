use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// A port is not handed out again for this long after its replica: connections to it may still be about.
const QUARANTINE: Duration = Duration::from_secs(60);

/// Tries to find a port that is not in quarantine.
const TRIES: usize = 64;

/// Free ports of 127.0.0.1, one holder each.
#[derive(Debug, Clone, Default)]
pub(super) struct Ports {
    /// Handed out (`None`), or given back at a time.
    taken: Arc<Mutex<BTreeMap<u16, Option<Instant>>>>,
}

/// A port that is handed out to nobody else while this lives, and for a while after.
#[derive(Debug)]
pub(super) struct Port {
    number: u16,
    ports: Ports,
}

impl Ports {
    /// A port that nobody listens on at this moment.
    pub(super) fn take(&self) -> io::Result<Port> {
        let mut taken = self.taken.lock();
        taken.retain(|_, returned| returned.is_none_or(|at| at.elapsed() < QUARANTINE));
        // Held until one is found: the system then gives others.
        let mut unsuitable = Vec::new();
        for _ in 0..TRIES {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            let number = listener.local_addr()?.port();
            if let std::collections::btree_map::Entry::Vacant(e) = taken.entry(number) {
                e.insert(None);
                let ports = self.clone();
                return Ok(Port { number, ports });
            }
            unsuitable.push(listener);
        }
        Err(io::Error::other(
            "no free port on 127.0.0.1 that was not used just now",
        ))
    }
}

impl Port {
    pub(super) fn number(&self) -> u16 {
        self.number
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.ports
            .taken
            .lock()
            .insert(self.number, Some(Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Ports;

    #[test]
    fn a_port_is_handed_out_once_also_after_it_came_back() {
        let ports = Ports::default();
        let mut seen = BTreeSet::new();
        for _ in 0..50 {
            let port = ports.take().unwrap();
            assert!(seen.insert(port.number()), "{} came twice", port.number());
        }
    }
}
