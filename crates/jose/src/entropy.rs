//! Randomness from OpenSSL, which the operating system seeds.

use std::cell::RefCell;

use domain::Fault;
use domain::port::Entropy;
use zeroize::Zeroizing;

/// Bytes that a thread fetches at once.
const AHEAD: usize = 512;

/// Requests up to this many bytes are served from what was fetched ahead.
const SMALL: usize = 64;

thread_local! {
    /// What was fetched and is not yet handed out, at the end.
    static POOL: RefCell<Zeroizing<Vec<u8>>> = RefCell::default();
}

/// The process's source of randomness. It has no state of its own; copies are alike.
///
/// OpenSSL takes a microsecond for a call, however few bytes it is for, and a request for a token makes three. So each
/// thread fetches some ahead. What is handed out is wiped; what is not yet is as secret as the state of the generator
/// beside it, from which it could be computed.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Fault> {
        if bytes.len() > SMALL {
            return fetch(bytes);
        }
        // While a thread ends, it has no pool any more.
        POOL.try_with(|pool| from(&mut pool.borrow_mut(), bytes)).unwrap_or_else(|_gone| fetch(bytes))
    }
}

fn from(pool: &mut Zeroizing<Vec<u8>>, bytes: &mut [u8]) -> Result<(), Fault> {
    if pool.len() < bytes.len() {
        let mut fresh = Zeroizing::new(vec![0; AHEAD]);
        fetch(&mut fresh)?;
        *pool = fresh;
    }
    let rest = pool.len().saturating_sub(bytes.len());
    let (_, taken) = pool.split_at_mut_checked(rest).ok_or(Fault::Entropy)?;
    bytes.copy_from_slice(taken);
    taken.fill(0);
    pool.truncate(rest);
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the one place that randomness comes from")]
fn fetch(bytes: &mut [u8]) -> Result<(), Fault> {
    openssl::rand::rand_bytes(bytes).or(Err(Fault::Entropy))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn made(length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        OsEntropy.fill(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn nothing_is_handed_out_twice_by_any_thread() {
        let threads: Vec<_> = (0..4)
            .map(|_| std::thread::spawn(|| (0..500).map(|n| made(16 + n % 100)).collect::<Vec<_>>()))
            .collect();
        let all: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        // The beginning of each: a piece of another would begin alike.
        let distinct: BTreeSet<_> = all.iter().map(|bytes| bytes[..16].to_vec()).collect();
        assert_eq!(distinct.len(), 2000);
    }

    #[test]
    fn what_was_handed_out_is_not_in_the_pool_any_more() {
        let mut pool = Zeroizing::new(Vec::new());
        let mut bytes = [0_u8; 48];
        from(&mut pool, &mut bytes).unwrap();
        assert_eq!(pool.len(), AHEAD - 48);
        assert!(!pool.windows(16).any(|window| window == &bytes[..16]));
    }

    #[test]
    fn every_length_is_filled() {
        assert!(made(0).is_empty());
        for length in [16, SMALL, SMALL + 1, AHEAD, AHEAD + 1, 4096] {
            let bytes = made(length);
            assert!(
                bytes.chunks(16).filter(|chunk| chunk.len() == 16).all(|chunk| chunk != [0; 16]),
                "{length}"
            );
        }
    }
}
