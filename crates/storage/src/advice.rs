//! What an operator can do when SQLite's file cannot be used (docs/bad-days.md).

use std::path::Path;

use crate::failure::Trouble;

/// What to do about what SQLite said, which is the same in every language (`sqlite3_errstr`).
const ADVICE: [(&str, &str); 9] = [
    (
        "database or disk is full",
        "make room on its file system; writing goes on by itself, without a restart",
    ),
    ("database is locked", LOCKED),
    (
        "attempt to write a readonly database",
        "its file system or the file is read-only: make both writable for this user; writing goes on by itself",
    ),
    (
        "unable to open database file",
        "its directory must exist and be writable for this user, with room for the files -wal and -shm beside it",
    ),
    ("disk I/O error", "the disk fails: look at the system's log, and at the disk before anything else"),
    ("database disk image is malformed", DAMAGED),
    ("file is not a database", DAMAGED),
    ("file is encrypted or is not a database", DAMAGED),
    ("malformed database schema", DAMAGED),
];

const LOCKED: &str = "another process holds its lock: end it (a backup, a shell, another server: `fuser FILE` names it); \
                      writing goes on by itself";

const DAMAGED: &str = "it is damaged: stop the server, keep a copy of the file with its -wal, look with `sqlite3 FILE \
                       'PRAGMA integrity_check'`, and restore the last backup; nothing was overwritten";

/// Adds the file and what to do to what SQLite said, once.
pub(crate) fn explain(trouble: Trouble, file: &Path) -> Trouble {
    Trouble { message: explained(trouble.message, file), ..trouble }
}

/// The same for the words alone.
pub(crate) fn explained(words: String, file: &Path) -> String {
    let known = ADVICE.iter().find(|(said, _)| words.contains(said));
    match known {
        Some((_, advice)) if !words.contains(advice) => format!("{words}: {}: {advice}", file.display()),
        _ => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_explained_once_and_the_rest_is_left_alone() {
        let file = Path::new("/data/db");
        let once = explained("database is locked".to_owned(), file);
        assert!(once.starts_with("database is locked: /data/db: another process"), "{once}");
        assert_eq!(explained(once.clone(), file), once);
        assert_eq!(explained("no such table: x".to_owned(), file), "no such table: x");
    }
}
