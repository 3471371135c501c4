use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use crate::error::Error;

/// Where the demo's gateway and admin listener are, unless something else is.
pub(super) const GATEWAY: u16 = 8080;
pub(super) const ADMIN: u16 = 9090;

/// Ports looked at.
const TRIES: u16 = 100;

/// The first free address from this port on that is none of `taken`.
pub(super) fn free_from(first: u16, taken: &[u16]) -> Result<SocketAddr, Error> {
    let last = first.saturating_add(TRIES - 1);
    for port in (first..=last).filter(|port| !taken.contains(port)) {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        match TcpListener::bind(address) {
            Ok(_) => return Ok(address),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => {
                return Err(Error::Failed(format!(
                    "rouse: cannot listen on {address}: {error}"
                )));
            }
        }
    }
    Err(Error::Failed(format!(
        "rouse: no port from {first} to {last} of 127.0.0.1 is free"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_passed_over() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let free = free_from(port, &[]).unwrap().port();
        assert!(free > port);
        assert!(free_from(port, &[free]).unwrap().port() > free);
    }
}
