//! SQLite's log, as it lies beside its file, and when a test ends a server that is at work.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::Path,
    time::{Duration, SystemTime},
};

use super::{DATABASE, is_long, load::Load};
use crate::{
    crash::chance,
    support::{Demo, wait_for_often},
};

/// How long a log takes to be long enough to be moved, on a machine that does other things too.
const PATIENCE: Duration = Duration::from_mins(1);

/// How far a round goes before its server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// After some answers. All that was committed is in the log.
    Early,
    /// While the log is being moved into its file.
    LogMoves,
    /// When the log has been moved, and was begun anew over what it held.
    LogBegins,
}

impl Moment {
    /// Of a round: half of them see a log that is begun anew.
    pub(crate) fn of(round: usize) -> Self {
        match round % 4 {
            1 | 3 => Self::LogBegins,
            2 if is_long() => Self::LogMoves,
            _ => Self::Early,
        }
    }
}

impl Load {
    /// Goes on until that moment has come, and for a few answers more.
    #[track_caller]
    pub(crate) fn wait_for_moment(&self, moment: Moment, demo: &Demo) {
        self.wait_for(40 + chance(100));
        let data = demo.data.path();
        let come = match moment {
            Moment::Early => return,
            Moment::LogMoves => changes(|| moved_at(data)),
            Moment::LogBegins => changes(|| generation(data)),
        };
        assert!(come, "{moment:?} has not come after {} answers", self.told());
        let told = self.told() + chance(8);
        // Milliseconds: nobody is to wait for the end of a pause.
        wait_for_often(Duration::from_millis(1), PATIENCE, || (self.told() >= told).then_some(()));
    }
}

/// Whether what is seen becomes something else in time.
fn changes<T: PartialEq>(see: impl Fn() -> Option<T>) -> bool {
    let before = see();
    let another = || see().filter(|now| before.as_ref().is_some_and(|before| before != now));
    wait_for_often(Duration::from_millis(1), PATIENCE, another).is_some()
}

/// What tells a log from the next one in the same file: the number of checkpoints and both salts, in its header
/// (<https://sqlite.org/fileformat2.html#walformat>).
pub(super) fn generation(data: &Path) -> Option<[u8; 12]> {
    let mut bytes = [0; 12];
    let log = File::open(data.join(format!("{DATABASE}-wal"))).ok()?;
    log.read_exact_at(&mut bytes, 12).ok()?;
    Some(bytes)
}

/// When the file itself was written to: only a checkpoint does.
fn moved_at(data: &Path) -> Option<SystemTime> {
    fs::metadata(data.join(DATABASE)).ok()?.modified().ok()
}
