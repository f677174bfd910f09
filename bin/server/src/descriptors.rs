//! Open files: connections are some, and so are the database's.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that are not connections of the public listener: the database's (three for each connection to SQLite), the
/// workers' own, and some for the management listener.
const OTHERS: u64 = 256;

/// Raises the limit of open files as far as the system lets this process, and gives how many connections there is room
/// for: `wanted`, or less, which is told to the log.
pub fn room_for(wanted: usize) -> usize {
    let room = raise().saturating_sub(OTHERS);
    let room = usize::try_from(room).unwrap_or(usize::MAX).max(16);
    if room < wanted {
        tracing::warn!(
            connections = room,
            wanted,
            "the limit of open files (ulimit -n) leaves room for fewer connections than server.max_connections"
        );
    }
    room.min(wanted)
}

/// The limit of open files after raising it.
fn raise() -> u64 {
    let before = getrlimit(Resource::Nofile);
    let most = Rlimit { current: before.maximum, maximum: before.maximum };
    if before.current == before.maximum {
        return before.current.unwrap_or(u64::MAX);
    }
    match setrlimit(Resource::Nofile, most) {
        Ok(()) => {
            tracing::info!(from = ?before.current, to = ?before.maximum, "the limit of open files was raised");
            before.maximum.unwrap_or(u64::MAX)
        }
        Err(error) => {
            tracing::warn!(%error, "the limit of open files could not be raised");
            before.current.unwrap_or(u64::MAX)
        }
    }
}
