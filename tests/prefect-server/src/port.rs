//! Ports: one that nobody else uses, for as long as a server may need it.
//!
//! A server is told a port and opens it seconds later, and it may be killed and started again on the same one. Meanwhile
//! no other test may take it, so a port is held by a lock on a file, which goes with the process. The ports are below
//! those that systems give away to outgoing connections.

use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher as _, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::{env, fmt};

const FIRST: u16 = 24_000;
const COUNT: u16 = 400;

/// A port of 127.0.0.1 that is ours until this is dropped.
pub(crate) struct Port {
    pub(crate) number: u16,
    // Locked. `None` if the port was chosen by somebody else.
    _lock: Option<File>,
}

impl Port {
    /// Trusts that this port is free.
    pub(crate) fn given(number: u16) -> Self {
        Self { number, _lock: None }
    }

    /// One that is free. They are tried from a random one on, so that tests seldom meet.
    ///
    /// # Panics
    ///
    /// If all are in use.
    pub(crate) fn free() -> Self {
        let start = RandomState::new().hash_one(0) % u64::from(COUNT);
        let start = u16::try_from(start).expect("less than COUNT");
        let numbers = (0..COUNT).map(|offset| FIRST + (start + offset) % COUNT);
        numbers.into_iter().find_map(Self::lock).unwrap_or_else(|| {
            panic!(
                "no port from {FIRST} to {} is free; are there left-over servers?",
                FIRST + COUNT
            )
        })
    }

    /// Takes the port, unless somebody holds it or listens on it. A lock file of another user's cannot be opened; then
    /// the port is taken as well.
    fn lock(number: u16) -> Option<Self> {
        let path = env::temp_dir().join(format!("prefect-server-port-{number}.lock"));
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path).ok()?;
        lock.try_lock().ok()?;
        TcpListener::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
        Some(Self { number, _lock: Some(lock) })
    }
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_given_to_one_at_a_time() {
        let one = Port::free();
        assert!(Port::lock(one.number).is_none());
        let others: Vec<Port> = (0..8).map(|_| Port::free()).collect();
        assert!(others.iter().all(|other| other.number != one.number));
    }

    #[test]
    fn a_port_on_which_somebody_listens_is_not_free() {
        let port = Port::free();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.number)).unwrap();
        let number = port.number;
        drop(port);
        assert!(Port::lock(number).is_none());
        drop(listener);
    }
}
