//! How many connections there may be: in all, and of one address before they join a room. It owns the counts; a
//! [`Pass`] gives its place back when it is dropped.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// See the module.
#[derive(Debug)]
pub(crate) struct Gate {
    most: u32,
    most_waiting: u32,
    open: AtomicU32,
    waiting: Mutex<HashMap<IpAddr, u32>>,
}

/// A connection's place.
#[derive(Debug)]
pub(crate) struct Pass {
    gate: Arc<Gate>,
    waiting: Option<IpAddr>,
}

impl Gate {
    pub(crate) fn new(most: u32, most_waiting: u32) -> Arc<Gate> {
        Arc::new(Gate { most, most_waiting, open: AtomicU32::new(0), waiting: Mutex::default() })
    }

    /// A place for a new connection, if there is one.
    pub(crate) fn admit(self: &Arc<Gate>, address: IpAddr) -> Option<Pass> {
        let more = |open: u32| (open < self.most).then_some(open + 1);
        self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        let mut pass = Pass { gate: self.clone(), waiting: None };
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let count = waiting.entry(address).or_default();
        if *count >= self.most_waiting {
            return None;
        }
        *count += 1;
        pass.waiting = Some(address);
        Some(pass)
    }
}

impl Pass {
    /// The connection has joined a room: it no longer counts as waiting.
    pub(crate) fn joined(&mut self) {
        let Some(address) = self.waiting.take() else { return };
        let mut waiting = self.gate.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = waiting.get_mut(&address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                waiting.remove(&address);
            }
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.joined();
        self.gate.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn run4_connections_are_capped_in_all_and_by_address_until_they_join() {
        let (a, b) = (IpAddr::from([127, 0, 0, 1]), IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)));
        let gate = Gate::new(3, 2);
        let mut first = gate.admit(a).unwrap();
        let second = gate.admit(a).unwrap();
        assert!(gate.admit(a).is_none(), "two of one address wait");
        first.joined();
        let third = gate.admit(a).unwrap();
        assert!(gate.admit(b).is_none(), "three in all");
        drop((first, second, third));
        assert!(gate.waiting.lock().unwrap().is_empty());
        assert!(gate.admit(b).is_some());
    }
}
