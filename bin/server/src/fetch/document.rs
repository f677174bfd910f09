//! Kinds of what is fetched.

use domain::Ttl;

/// Something that others publish and that is kept for a while.
pub trait Document: Sized + Send + Sync + 'static {
    /// What its place is called, in buckets and in the log.
    const PLACE: &'static str;
    /// The media type that is asked for.
    const ACCEPT: &'static str;
    /// That of the question, where one is asked.
    const QUESTION: &'static str = "";
    /// Longest one, bytes.
    const LONGEST: usize;
    /// Most of all that is kept, in the measure of [`Document::weight`].
    const MOST: u64;
    /// Most of that for one tenant.
    const SHARE: u64 = Self::MOST;
    /// How much longer than it is fresh it is kept for use while it cannot be fetched.
    const STALE: Ttl;
    /// How many are fetched from one host for one tenant in a row, and how many a minute after that.
    const FROM_A_HOST: (u32, u32);
    /// Whether it is signed, and says itself from when until when it counts. Then it may come without TLS, and one that was
    /// believed is kept beside a newer one until that is believed, too.
    const SIGNED: bool;

    /// Reads one. May take milliseconds.
    ///
    /// # Errors
    /// Why it is none.
    fn read(bytes: &[u8]) -> Result<Self, String>;

    /// What it counts for in memory, read from so many bytes: kibibytes, at least one, unless its kind says otherwise.
    fn weight(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.div_ceil(1024).max(1)).unwrap_or(u32::MAX)
    }
}
