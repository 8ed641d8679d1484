//! How many connections there may be: in all, and of one address before they join a room. It owns the counts; a
//! [`Pass`] gives its place back when it is dropped.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
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

    /// How many there are.
    pub(crate) fn open(&self) -> u32 {
        self.open.load(Ordering::Relaxed)
    }

    /// How many there may be.
    pub(crate) fn most(&self) -> u32 {
        self.most
    }

    /// A place for a new connection, if there is one; of this address, if it is known yet whose it is.
    pub(crate) fn admit(self: &Arc<Gate>, address: Option<IpAddr>) -> Option<Pass> {
        let more = |open: u32| (open < self.most).then_some(open + 1);
        self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        let mut pass = Pass { gate: self.clone(), waiting: None };
        address.is_none_or(|address| pass.wait_as(address)).then_some(pass)
    }
}

/// Whom an address counts as: whoever has one of IPv6 mostly has all that share its first half.
fn household(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(whole) => IpAddr::V6(Ipv6Addr::from_bits(whole.to_bits() >> 64 << 64)),
    }
}

impl Pass {
    /// Counts the connection as one of this address that has not joined a room. False if there are too many.
    pub(crate) fn wait_as(&mut self, address: IpAddr) -> bool {
        let address = household(address);
        if self.waiting == Some(address) {
            return true;
        }
        self.joined();
        let mut waiting = self.gate.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let count = waiting.get(&address).copied().unwrap_or_default();
        if count >= self.gate.most_waiting {
            return false;
        }
        waiting.insert(address, count + 1);
        self.waiting = Some(address);
        true
    }

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
        let mut first = gate.admit(Some(a)).unwrap();
        let second = gate.admit(Some(a)).unwrap();
        assert!(gate.admit(Some(a)).is_none(), "two of one address wait");
        first.joined();
        let third = gate.admit(Some(a)).unwrap();
        assert!(gate.admit(Some(b)).is_none(), "three in all");
        drop((first, second, third));
        assert!(gate.waiting.lock().unwrap().is_empty());
        assert!(gate.admit(Some(b)).is_some());
    }

    #[test]
    fn edge6_behind_a_proxy_the_client_is_counted_once_it_is_known() {
        let (a, b) = (IpAddr::from([203, 0, 113, 1]), IpAddr::from([203, 0, 113, 2]));
        let gate = Gate::new(10, 1);
        let mut of_a = gate.admit(None).unwrap();
        let mut of_a_too = gate.admit(None).unwrap();
        let mut of_b = gate.admit(None).unwrap();
        assert!(of_a.wait_as(a) && of_a.wait_as(a), "one connection counts once");
        assert!(!of_a_too.wait_as(a));
        assert!(of_b.wait_as(b));
        of_a.joined();
        assert!(of_a_too.wait_as(a));
        drop((of_a, of_a_too, of_b));
        assert!(gate.waiting.lock().unwrap().is_empty());
    }

    #[test]
    fn run4_addresses_of_one_household_count_as_one() {
        let gate = Gate::new(10, 1);
        let address = |text: &str| Some(text.parse().unwrap());
        let first = gate.admit(address("2001:db8::1"));
        assert!(first.is_some() && gate.admit(address("2001:db8::ffff:1")).is_none());
        assert!(gate.admit(address("2001:db8:0:1::1")).is_some());
    }
}
