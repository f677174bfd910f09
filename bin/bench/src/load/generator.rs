//! What the load generator knows of itself: whether tails are the server's or its own.

use std::time::Duration;

use crate::failure::Result;
use crate::proc;

/// Beyond this, more than 1 % are not sent when they should be, milliseconds.
pub(crate) const MOST_LATE: f64 = 1.0;

/// The generator during a run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Generator {
    /// Share of its core that it used. At a held rate it turns while it waits, so this says something at full pace only.
    pub(crate) busy: f64,
    /// Share of its core that other programs, or other guests of the same hardware, took.
    pub(crate) others: f64,
    /// How much later than intended it sent over connections that were free, at a held rate, milliseconds: 99 % were
    /// less late.
    pub(crate) late: f64,
    /// The latest of all, milliseconds.
    pub(crate) latest: f64,
}

impl Generator {
    /// Whether what was measured is rather the generator than the server.
    pub(crate) fn is_bottleneck(&self, held: bool) -> bool {
        /// Beyond this share of a core, requests wait for the generator.
        const MOST_BUSY: f64 = 0.9;
        self.others > 0.1 || if held { self.late > MOST_LATE } else { self.busy > MOST_BUSY }
    }
}

/// What the generator and its core had used when it was made.
pub(super) struct Watch {
    used: f64,
    core: f64,
}

impl Watch {
    /// Looks.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub(super) fn start() -> Result<Self> {
        Ok(Self { used: proc::processor("self")?, core: proc::core_busy(proc::LOADING)? })
    }

    /// Looks again, `span` later.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub(super) fn end(&self, span: Duration, [late, latest]: [f64; 2]) -> Result<Generator> {
        let used = proc::processor("self")? - self.used;
        let core = proc::core_busy(proc::LOADING)? - self.core;
        let seconds = span.as_secs_f64().max(0.001);
        Ok(Generator { busy: used / seconds, others: ((core - used) / seconds).max(0.0), late, latest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turning_while_it_waits_is_no_bottleneck_but_sending_late_is() {
        let turning = Generator { busy: 1.0, ..Generator::default() };
        assert!(!turning.is_bottleneck(true) && turning.is_bottleneck(false));
        assert!(Generator { late: 1.5, ..Generator::default() }.is_bottleneck(true));
        assert!(Generator { others: 0.2, ..Generator::default() }.is_bottleneck(true));
    }
}
