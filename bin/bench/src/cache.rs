//! What the shared cache of the processor gives at the moment.
//!
//! On rented hardware it is shared with other guests. While they fill it, what does not fit into a core's own cache comes
//! from memory, several times more slowly: whoever touches much in a request (sessions, pages of the database, the
//! log) is slowed down, and whoever touches little is not. No other figure tells: the core is nobody else's meanwhile.

use std::time::Duration;

use crate::clock;

/// Bytes that come from memory together.
const LINE: usize = 64;

/// Lines that are walked over, 4 MiB: more than a core's own cache, far less than the shared one.
const LINES: u32 = 4 * 1024 * 1024 / 64;

/// How much slower than at its best it may be when it counts as ours.
const OURS: f64 = 1.6;

/// Looks at the beginning, over a second: the first one may come when the cache is not ours, and all later ones are
/// compared with the best.
const LOOKS: u32 = 20;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// A walk through memory, of which each step waits for the one before.
pub(crate) struct SharedCache {
    /// At the beginning of each line, where the next one begins.
    next: Vec<u32>,
    /// The fewest nanoseconds of a step so far.
    best: f64,
}

impl SharedCache {
    /// Prepares it, and looks for a while what it gives at its best.
    pub(crate) fn known() -> Self {
        let mut cache = Self::new();
        for _ in 0..LOOKS {
            cache.step();
            clock::pause(PAUSE);
        }
        cache
    }

    fn new() -> Self {
        let (lines, words) = (LINES as usize, LINE / size_of::<u32>());
        let mut next = vec![0; lines * words];
        for (line, chunk) in next.chunks_mut(words).enumerate() {
            // A full cycle through a power of two (Hull and Dobell 1962), too ragged for what guesses ahead.
            let to = (line.wrapping_mul(0x5851_F42D).wrapping_add(0x0014_057B) % lines) * words;
            if let (Some(first), Ok(to)) = (chunk.first_mut(), u32::try_from(to)) {
                *first = to;
            }
        }
        Self { next, best: f64::INFINITY }
    }

    /// Nanoseconds of a step now. Takes a few milliseconds.
    pub(crate) fn step(&mut self) -> f64 {
        self.walk();
        let start = clock::now();
        self.walk();
        let took = start.elapsed().as_secs_f64() * 1e9 / f64::from(LINES);
        self.best = self.best.min(took);
        took
    }

    /// Waits until no other guest fills it, at most so long. What a step takes then, nanoseconds.
    pub(crate) fn wait(&mut self, patience: Duration) -> f64 {
        let start = clock::now();
        loop {
            let step = self.step();
            if self.is_ours(step) || start.elapsed() >= patience {
                return step;
            }
            clock::pause(PAUSE);
        }
    }

    /// Whether a step of so many nanoseconds is one of a cache that is ours.
    fn is_ours(&self, step: f64) -> bool {
        step <= self.best * OURS
    }

    /// Over every line once.
    fn walk(&self) {
        let mut at = 0_u32;
        for _ in 0..LINES {
            at = self.next.get(at as usize).copied().unwrap_or_default();
        }
        std::hint::black_box(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_comes_to_every_line_before_it_comes_back() {
        let cache = SharedCache::new();
        let (mut at, mut seen) = (0, std::collections::HashSet::new());
        while seen.insert(at) {
            at = cache.next[at as usize];
        }
        assert_eq!((at, seen.len()), (0, LINES as usize));
    }
}
