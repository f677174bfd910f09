//! How many fetches from one host go on at a time, for whomever: whoever has many clients, or names many places, does not
//! make this server a load on somebody else's.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The hosts that are fetched from, or waited for. The others are not remembered.
#[derive(Debug)]
pub(super) struct Hosts {
    at_a_time: usize,
    present: Mutex<HashMap<Box<str>, Present>>,
}

#[derive(Debug)]
struct Present {
    turns: Arc<Semaphore>,
    /// Who fetches or waits.
    guests: usize,
}

/// A turn at a host, until it is dropped.
#[derive(Debug)]
pub(super) struct HostTurn<'a> {
    hosts: &'a Hosts,
    host: Box<str>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Hosts {
    /// So many at a time, at least one.
    pub(super) fn new(at_a_time: usize) -> Self {
        Self { at_a_time: at_a_time.max(1), present: Mutex::default() }
    }

    /// Waits for a turn, in the order of who came.
    pub(super) async fn of(&self, host: &str) -> HostTurn<'_> {
        let turns = self.enter(host);
        // Whoever stops waiting leaves, too.
        let mut turn = HostTurn { hosts: self, host: host.into(), permit: None };
        // It is never closed.
        turn.permit = turns.acquire_owned().await.ok();
        turn
    }

    fn enter(&self, host: &str) -> Arc<Semaphore> {
        let mut present = self.present();
        let new = || Present { turns: Arc::new(Semaphore::new(self.at_a_time)), guests: 0 };
        let one = present.entry(host.into()).or_insert_with(new);
        one.guests = one.guests.saturating_add(1);
        Arc::clone(&one.turns)
    }

    fn leave(&self, host: &str) {
        if let Entry::Occupied(mut one) = self.present().entry(host.into()) {
            match one.get().guests.saturating_sub(1) {
                0 => drop(one.remove()),
                left => one.get_mut().guests = left,
            }
        }
    }

    fn present(&self) -> MutexGuard<'_, HashMap<Box<str>, Present>> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for HostTurn<'_> {
    fn drop(&mut self) {
        drop(self.permit.take());
        self.hosts.leave(&self.host);
    }
}

#[cfg(test)]
mod tests {
    use std::{future::Future, pin::pin, task::Poll};

    use super::*;

    #[test]
    fn a_host_is_fetched_from_twice_at_a_time_and_who_waits_has_the_next_turn() {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let hosts = Hosts::new(2);
        let mut ask = |host| match pin!(hosts.of(host)).as_mut().poll(&mut context) {
            Poll::Ready(turn) => Some(turn),
            Poll::Pending => None,
        };
        let (first, second) = (ask("a.example").unwrap(), ask("a.example").unwrap());
        assert!(ask("a.example").is_none(), "a third");
        assert!(ask("b.example").is_some(), "another host");
        drop(first);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let third = ask_twice(&hosts, &mut context);
        drop((second, third));
        assert!(hosts.present().is_empty(), "what nobody wants is forgotten");
    }

    /// One gets the turn that is free; the next waits and then has it.
    fn ask_twice<'a>(hosts: &'a Hosts, context: &mut std::task::Context<'_>) -> HostTurn<'a> {
        let Poll::Ready(free) = pin!(hosts.of("a.example")).as_mut().poll(context) else { panic!("no turn") };
        let mut waiting = pin!(hosts.of("a.example"));
        assert!(waiting.as_mut().poll(context).is_pending());
        drop(free);
        let Poll::Ready(turn) = waiting.as_mut().poll(context) else { panic!("it was forgotten") };
        turn
    }
}
