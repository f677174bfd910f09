//! A peer that never answers.

use std::io::Read as _;
use std::os::unix::net::UnixStream;

/// What is said first over a connection on which nobody answers: all bytes that `say` writes before its connection, which
/// does not block, is dropped. They have to fit the system's buffer.
///
/// # Panics
/// When the system has no pair of sockets.
pub fn first_words(say: impl FnOnce(UnixStream)) -> Vec<u8> {
    let (ours, mut theirs) = UnixStream::pair().expect("two sockets");
    ours.set_nonblocking(true).expect("a socket that does not block");
    say(ours);
    let mut words = Vec::new();
    theirs.read_to_end(&mut words).expect("what was said");
    words
}
