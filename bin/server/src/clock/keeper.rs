//! What a step of the wall clock means: a pure function of two clocks (docs/decisions/0019).
//!
//! All numbers are milliseconds. An *offset* is what must be added to the time since the machine's start to get the
//! time of day.

/// How far the wall clock may move against the machine's even one between two looks and be believed at once. What
/// keeps clocks in step corrects by less, or steps.
const TOLERANCE: i64 = 10_000;

/// What a look at the clocks found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The wall clock stepped by so much. It is not followed yet.
    Stepped(i64),
    /// It is back where it was; nothing came of it.
    Returned,
    /// The step stood: from now on time is so much later than it was.
    Followed(i64),
}

/// What is believed, and what is doubted.
#[derive(Debug)]
pub(super) struct Keeper {
    kept: i64,
    doubted: Option<Doubt>,
}

#[derive(Clone, Copy, Debug)]
struct Doubt {
    offset: i64,
    since: i64,
}

/// The time of day: the wall clock's, unless it is further from the kept offset than [`TOLERANCE`].
pub(super) const fn told(kept: i64, wall: i64, since_start: i64) -> i64 {
    let even = since_start.saturating_add(kept);
    if near(wall, even) { wall } else { even }
}

const fn near(one: i64, other: i64) -> bool {
    one.abs_diff(other) <= TOLERANCE.unsigned_abs()
}

impl Keeper {
    /// Believes an offset.
    pub(super) const fn new(kept: i64) -> Self {
        Self { kept, doubted: None }
    }

    /// The offset that is believed.
    pub(super) const fn kept(&self) -> i64 {
        self.kept
    }

    /// Looks at both clocks. A step that has stood for `patience` is believed.
    pub(super) fn look(&mut self, wall: i64, since_start: i64, patience: i64) -> Option<Notice> {
        let offset = wall.saturating_sub(since_start);
        if near(offset, self.kept) {
            self.kept = offset;
            return self.doubted.take().map(|_doubt| Notice::Returned);
        }
        let known = self.doubted.filter(|doubt| near(doubt.offset, offset));
        let since = known.map_or(since_start, |doubt| doubt.since);
        let by = offset.saturating_sub(self.kept);
        if since_start.saturating_sub(since) >= patience {
            (self.kept, self.doubted) = (offset, None);
            return Some(Notice::Followed(by));
        }
        // A doubted clock may be slewed as well.
        self.doubted = Some(Doubt { offset, since });
        known.is_none().then_some(Notice::Stepped(by))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    const PATIENCE: i64 = 300_000;
    const START: i64 = 1_800_000_000_000;

    /// Looks once a second from `from` to `to` (seconds since the start) under a wall clock that is `off`.
    fn pass(keeper: &mut Keeper, (from, to): (i64, i64), off: i64) -> Vec<Notice> {
        let look = |second: i64| {
            let since = second * 1000;
            keeper.look(START + since + off, since, PATIENCE)
        };
        (from..to).filter_map(look).collect()
    }

    #[test]
    fn a_step_is_followed_only_once_it_has_stood() {
        for by in [HOUR, -HOUR] {
            let mut keeper = Keeper::new(START);
            assert_eq!(pass(&mut keeper, (0, 100), 0), []);
            assert_eq!(pass(&mut keeper, (100, 400), by), [Notice::Stepped(by)]);
            // Time went on evenly all the while.
            assert_eq!(told(keeper.kept(), START + 399_000 + by, 399_000), START + 399_000);
            assert_eq!(pass(&mut keeper, (400, 402), by), [Notice::Followed(by)]);
            assert_eq!(told(keeper.kept(), START + 402_000 + by, 402_000), START + 402_000 + by);
        }
    }

    #[test]
    fn a_step_that_is_taken_back_leaves_no_trace() {
        let mut keeper = Keeper::new(START);
        assert_eq!(pass(&mut keeper, (0, 299), HOUR), [Notice::Stepped(HOUR)]);
        assert_eq!(pass(&mut keeper, (299, 400), 0), [Notice::Returned]);
        assert_eq!(keeper.kept(), START);
        // The next one is doubted from its own beginning.
        assert_eq!(pass(&mut keeper, (400, 699), HOUR), [Notice::Stepped(HOUR)]);
    }

    #[test]
    fn a_clock_that_keeps_stepping_is_never_followed() {
        let mut keeper = Keeper::new(START);
        for round in 0..20 {
            let off = if round % 2 == 0 { HOUR } else { -HOUR };
            assert_eq!(pass(&mut keeper, (round * 200, round * 200 + 200), off), [Notice::Stepped(off)]);
        }
        assert_eq!(keeper.kept(), START);
    }

    #[test]
    fn small_corrections_are_followed_at_once_and_silently() {
        let mut keeper = Keeper::new(START);
        let mut off = 0;
        for second in 0..100 {
            off += 9_000;
            let since = second * 1000;
            assert_eq!(told(keeper.kept(), START + since + off, since), START + since + off);
            assert_eq!(keeper.look(START + since + off, since, PATIENCE), None);
        }
        assert_eq!(keeper.kept(), START + 900_000);
    }

    #[test]
    fn without_patience_every_step_is_followed_at_once() {
        let mut keeper = Keeper::new(START);
        assert_eq!(keeper.look(START + HOUR, 0, 0), Some(Notice::Followed(HOUR)));
    }
}
