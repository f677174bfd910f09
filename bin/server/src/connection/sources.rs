//! How many connections each source holds: none may take them all (docs/bad-days.md, "Hostile connections").

use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::SourceAddr;
use ipnet::IpNet;

/// Connections by source, over all workers.
#[derive(Debug)]
pub struct Sources {
    most: usize,
    exempt: Vec<IpNet>,
    held: Mutex<HashMap<SourceAddr, usize>>,
}

/// A source's place for one connection; free again when dropped.
#[derive(Debug)]
pub struct Place {
    source: Option<SourceAddr>,
    /// Where it is counted, if it is.
    held_in: Option<Arc<Sources>>,
}

impl Sources {
    /// At most `most` connections of each source, but for those of the networks `exempt`: a proxy brings everybody's.
    pub fn new(most: usize, exempt: Vec<IpNet>) -> Arc<Self> {
        Arc::new(Self { most, exempt, held: Mutex::default() })
    }

    /// A place for one more connection of `peer`; `None` when it has its share. A network of IPv6 is one source, as it
    /// is in all that counts guesses.
    pub fn place(self: &Arc<Self>, peer: Option<IpAddr>) -> Option<Place> {
        let Some(address) = peer.map(SourceAddr::new) else {
            return Some(Place { source: None, held_in: None });
        };
        let source = address.lock_unit();
        if self.exempt.iter().any(|net| net.contains(&address.ip())) {
            return Some(Place { source: Some(source), held_in: None });
        }
        let mut held = self.lock();
        let count = held.get(&source).copied().unwrap_or_default();
        if count >= self.most {
            return None;
        }
        held.insert(source, count.saturating_add(1));
        drop(held);
        Some(Place { source: Some(source), held_in: Some(Arc::clone(self)) })
    }

    fn leave(&self, source: SourceAddr) {
        if let Entry::Occupied(mut held) = self.lock().entry(source) {
            match held.get().saturating_sub(1) {
                0 => drop(held.remove()),
                left => *held.get_mut() = left,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SourceAddr, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Whose it is.
    pub fn source(&self) -> Option<SourceAddr> {
        self.source
    }

    /// Whether its source has bounds.
    pub fn is_counted(&self) -> bool {
        self.held_in.is_some()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let (Some(sources), Some(source)) = (&self.held_in, self.source) {
            sources.leave(source);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_source_has_its_share_and_no_more_and_others_have_theirs() {
        let sources = Sources::new(2, Vec::new());
        let first = sources.place(Some(ip("192.0.2.1")));
        let second = sources.place(Some(ip("192.0.2.1")));
        assert!(first.is_some() && second.is_some());
        assert!(sources.place(Some(ip("192.0.2.1"))).is_none());
        assert!(sources.place(Some(ip("192.0.2.2"))).is_some());
        drop(first);
        let third = sources.place(Some(ip("192.0.2.1")));
        assert!(third.is_some());
        assert!(sources.place(Some(ip("192.0.2.1"))).is_none());
        drop((second, third));
        assert!(sources.lock().is_empty(), "who has left is forgotten");
    }

    #[test]
    fn a_network_of_ipv6_is_one_source_and_a_mapped_address_is_its_own() {
        let sources = Sources::new(1, Vec::new());
        let _held = sources.place(Some(ip("2001:db8:0:1::1")));
        assert!(sources.place(Some(ip("2001:db8:0:1::2"))).is_none());
        assert!(sources.place(Some(ip("2001:db8:0:2::1"))).is_some());
        let _mapped = sources.place(Some(ip("::ffff:192.0.2.1")));
        assert!(sources.place(Some(ip("192.0.2.1"))).is_none());
    }

    #[test]
    fn proxies_that_are_listed_bring_as_many_as_they_like() {
        let sources = Sources::new(1, vec!["10.0.0.0/8".parse().unwrap()]);
        let held: Vec<_> = (0..9).map(|_| sources.place(Some(ip("10.1.2.3")))).collect();
        assert!(held.iter().flatten().filter(|place| !place.is_counted()).count() == 9);
        assert!(held.iter().flatten().all(|place| place.source() == Some(SourceAddr::new(ip("10.1.2.3")))));
    }
}
