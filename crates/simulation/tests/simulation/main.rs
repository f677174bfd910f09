//! Deterministic simulation of the token, refresh and session rules (`docs/simulation.md`).
#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "tests read the environment, and may stop where they stand"
)]

mod call;
mod driver;
mod embedded;
mod flow;
mod node;
mod oracle;
mod party;
mod planted;
mod random;
mod task;
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use driver::{run, run_with};
use planted::Planted;

/// So many broken seeds are enough to learn from.
const ENOUGH: usize = 20;

/// Runs the seeds from `first` on, on all processors; those that break something, in order, with what they break.
fn run_all(first: u64, count: u64) -> Vec<(u64, String)> {
    let (next, broken) = (AtomicU64::new(first), Mutex::new(Vec::new()));
    let work = || {
        while broken.lock().unwrap().len() < ENOUGH {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + count {
                return;
            }
            if let Some(words) = run(seed, false).broken {
                broken.lock().unwrap().push((seed, words));
            }
        }
    };
    let threads = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let mut broken = broken.into_inner().unwrap();
    broken.sort();
    broken
}

/// Fails with everything that is needed to see a seed again.
fn tell(seed: u64) -> ! {
    let run = run(seed, true);
    println!("{}", run.trace.join("\n"));
    panic!(
        "seed {seed}: {}\n(its trace is above; to see it again: \
         COUNTERSIGN_SEED={seed} cargo test -p simulation two_thousand)",
        run.broken.unwrap_or_default()
    );
}

fn hold(first: u64, count: u64) {
    if let Ok(seed) = std::env::var("COUNTERSIGN_SEED") {
        let seed = seed.parse().unwrap();
        if run(seed, false).broken.is_some() {
            tell(seed);
        }
        return;
    }
    let broken = run_all(first, count);
    for (seed, words) in &broken {
        println!("seed {seed}: {words}");
    }
    if let Some((seed, _)) = broken.first() {
        tell(*seed);
    }
}

#[test]
fn the_invariants_hold_for_two_thousand_seeds() {
    hold(0, 2_000);
}

/// Five minutes at most: `scripts/test --long`.
#[test]
fn the_invariants_hold_for_a_hundred_thousand_seeds() {
    if std::env::var_os("COUNTERSIGN_LONG").is_none() {
        println!("skipped: scripts/test --long runs it");
        return;
    }
    hold(2_000, 100_000);
}

/// Among so many seeds at least one meets each fault.
const SEEDS: u64 = 200;

/// An oracle that cannot complain would hold anything.
#[test]
fn every_planted_fault_is_found() {
    for planted in Planted::ALL {
        let find = |seed| run_with(seed, false, planted).broken.map(|words| (seed, words));
        let found: Vec<(u64, String)> = (0..SEEDS).filter_map(find).take(ENOUGH).collect();
        println!("{planted:?}: {found:?}");
        assert!(!found.is_empty(), "{planted:?} is found in none of {SEEDS} seeds");
        let (seed, words) = &found[0];
        assert_eq!(run_with(*seed, true, planted).broken.as_ref(), Some(words), "and found again");
    }
}

#[test]
fn a_seed_does_the_same_again() {
    for seed in 0..20 {
        let (one, two) = (run(seed, true), run(seed, true));
        assert!(one.trace.len() > 50, "seed {seed} does something");
        assert_eq!(one.trace, two.trace, "seed {seed}");
        assert_eq!(one.done, run(seed, false).done, "a trace changes nothing");
    }
    assert_ne!(run(0, true).trace, run(1, true).trace);
}

/// A simulation in which nothing happens would hold any invariant.
#[test]
fn everything_that_can_happen_does() {
    let mut sums = [0; 12];
    for seed in 0..200 {
        let done = run(seed, false).done;
        let each = [
            done.machines,
            done.logins,
            done.failures,
            done.rotations,
            done.repeats,
            done.reuses,
            done.revocations,
            done.touches,
            done.conflicts,
            done.crashes,
            done.expiries,
            done.changes,
        ];
        sums.iter_mut().zip(each).for_each(|(sum, more)| *sum += more);
    }
    assert!(sums.iter().all(|sum| *sum >= 10), "{sums:?}");
}
