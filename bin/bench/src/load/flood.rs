//! Guesses that are sent beside a load: at a steady rate, whatever they are answered.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use super::connection::Connection;
use crate::clock;
use crate::failure::Result;

/// Connections over which guesses are sent: enough that slow answers do not lower the rate.
pub(crate) const CONNECTIONS: u32 = 256;

/// The guess of a number, as it goes over the wire.
pub(crate) type Guess = fn(u64) -> Vec<u8>;

/// What is guessed, and how often.
#[derive(Clone, Copy)]
pub(crate) struct Flood {
    /// Makes them; each number is used once.
    pub(crate) guess: Guess,
    /// Guesses per second over all connections.
    pub(crate) rate: f64,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flooded {
    /// Answers within the run, by status; 0 stands for connections that the server closed.
    pub(crate) statuses: BTreeMap<u16, u64>,
}

impl Flooded {
    /// How many guesses were answered, or refused by closing the connection.
    pub(crate) fn total(&self) -> u64 {
        self.statuses.values().sum()
    }

    /// Takes another one in.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (status, count) in &other.statuses {
            let sum = self.statuses.entry(*status).or_default();
            *sum = sum.saturating_add(*count);
        }
    }
}

/// An address of its own for each number.
pub(crate) fn source(number: u64) -> Ipv4Addr {
    let [.., one, two, three] = number.to_be_bytes();
    Ipv4Addr::new(10, one, two, three)
}

/// Sends one connection's share from `start` to `end`. A late answer moves no later guess, so that the rate is kept as
/// long as there are free connections.
///
/// # Errors
/// When nobody listens at the beginning. A connection that breaks later is opened again.
pub(super) async fn drive(
    address: SocketAddr,
    flood: Flood,
    connection: u32,
    start: Instant,
    end: Instant,
) -> Result<Flooded> {
    let mut flooded = Flooded::default();
    let interval = Duration::from_secs_f64(f64::from(CONNECTIONS) / flood.rate.max(1.0));
    let mut at = start + interval.mul_f64(f64::from(connection) / f64::from(CONNECTIONS));
    let mut line = Some(Connection::open(&address.into()).await?);
    for turn in 0_u64.. {
        if at >= end {
            break;
        }
        clock::until(at).await;
        let number = turn.saturating_mul(u64::from(CONNECTIONS)).saturating_add(u64::from(connection));
        let status = match line.as_mut() {
            Some(open) => open.exchange(&(flood.guess)(number)).await.map_or(0, |answer| answer.status),
            None => 0,
        };
        if status == 0 {
            line = Connection::open(&address.into()).await.ok();
        }
        let count = flooded.statuses.entry(status).or_default();
        *count = count.saturating_add(1);
        // Turns that were missed meanwhile are not made up for.
        at += interval;
        at = at.max(clock::now());
    }
    Ok(flooded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_guess_has_an_address_of_its_own() {
        assert_eq!(source(0), Ipv4Addr::new(10, 0, 0, 0));
        assert_eq!(source(66_051), Ipv4Addr::new(10, 1, 2, 3));
    }
}
