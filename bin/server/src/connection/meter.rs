//! What a peer of HTTP/2 costs, by the frames that it sends (RFC 9113 §4.1).
//!
//! The library bounds what a connection may hold. What it leaves open is how fast: pings, settings, windows, resets and
//! refused streams at the rate of the network cost a worker everything and bring nobody an answer. So every frame is
//! paid for, time and answers earn, and who has nothing left is done with.

/// What opens a connection (RFC 9113 §3.4). The library looks at its bytes.
const PREFACE: usize = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();

/// What a connection has at first, and at most.
const MOST: u32 = 2048;

/// What a beat earns.
const PER_BEAT: u64 = 10;

/// What an answer earns: more than a request with its windows and a body of some kilobytes costs.
const PER_ANSWER: u32 = 16;

/// A stream that is opened, besides its bytes. Most have to be answered, not refused.
const OPENING: u32 = 4;

/// A stream that is given up. As many as may be open can be, at once; but not again and again (CVE-2023-44487).
const RESET: u32 = 16;

/// Bytes of a frame that cost one more.
const BYTES: u32 = 1024;

/// Type of a frame (RFC 9113 §6).
const HEADERS: u8 = 0x1;
const RST_STREAM: u8 = 0x3;
const CONTINUATION: u8 = 0x9;

/// Flag: the header block ends here (RFC 9113 §6.2, §6.10).
const END_HEADERS: u8 = 0x4;

/// Finds the frames in what comes.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// Bytes of the preface that have come.
    preface: usize,
    head: [u8; 9],
    /// Bytes of a frame's head that have come.
    begun: usize,
    /// Bytes of its payload that are still to come.
    left: usize,
    /// Whether a header block is still to go on (RFC 9113 §4.3).
    in_block: bool,
    /// What became whole: the preface, frames, and header blocks of more than one.
    pub(super) whole: u64,
}

impl Frames {
    /// Takes what has come; gives what it costs.
    pub(super) fn read(&mut self, mut bytes: &[u8]) -> u32 {
        let skipped = bytes.len().min(PREFACE.saturating_sub(self.preface));
        self.preface = self.preface.saturating_add(skipped);
        if skipped > 0 && self.preface == PREFACE {
            self.whole = self.whole.saturating_add(1);
        }
        bytes = bytes.get(skipped..).unwrap_or_default();
        let mut cost = 0_u32;
        while !bytes.is_empty() {
            if self.left > 0 {
                let passed = bytes.len().min(self.left);
                self.left = self.left.saturating_sub(passed);
                bytes = bytes.get(passed..).unwrap_or_default();
                self.ended();
            } else if let Some((first, rest)) = bytes.split_first() {
                if let Some(place) = self.head.get_mut(self.begun) {
                    *place = *first;
                }
                self.begun = self.begun.saturating_add(1);
                bytes = rest;
                if self.begun == self.head.len() {
                    cost = cost.saturating_add(self.head_read());
                    self.ended();
                }
            }
        }
        cost
    }

    /// A frame's head is whole: its length, its type, its flags, its stream.
    fn head_read(&mut self) -> u32 {
        let [high, middle, low, kind, flags, ..] = self.head;
        let length = u32::from_be_bytes([0, high, middle, low]);
        self.left = usize::try_from(length).unwrap_or(usize::MAX);
        if matches!(kind, HEADERS | CONTINUATION) {
            self.in_block = flags & END_HEADERS == 0;
        }
        let more = match kind {
            HEADERS => OPENING,
            RST_STREAM => RESET,
            _ => 0,
        };
        (length / BYTES).saturating_add(1).saturating_add(more)
    }

    fn ended(&mut self) {
        if self.left == 0 {
            self.begun = 0;
            if !self.in_block {
                self.whole = self.whole.saturating_add(1);
            }
        }
    }

    fn is_within(&self) -> bool {
        self.begun > 0 || self.in_block || self.preface < PREFACE
    }
}

/// What a connection has left.
#[derive(Debug)]
pub(super) struct Meter {
    frames: Frames,
    left: u32,
    spent: bool,
    /// The beat up to which time has been paid.
    paid: u64,
    /// The beat since which a frame or a header block is to become whole.
    within: Option<u64>,
}

impl Meter {
    pub(super) fn new(beat: u64) -> Self {
        Self { frames: Frames::default(), left: MOST, spent: false, paid: beat, within: Some(beat) }
    }

    /// Takes what came in `beat`.
    pub(super) fn read(&mut self, bytes: &[u8], beat: u64) {
        let passed = beat.saturating_sub(self.paid).saturating_mul(PER_BEAT);
        self.paid = beat;
        self.earn(u32::try_from(passed).unwrap_or(MOST));
        let whole = self.frames.whole;
        let cost = self.frames.read(bytes);
        match self.left.checked_sub(cost) {
            Some(left) => self.left = left,
            None => self.spent = true,
        }
        let within = self.within.filter(|_| self.frames.whole == whole).unwrap_or(beat);
        self.within = self.frames.is_within().then_some(within);
    }

    /// Notes that a request was answered.
    pub(super) fn answered(&mut self) {
        self.earn(PER_ANSWER);
    }

    fn earn(&mut self, earned: u32) {
        self.left = self.left.saturating_add(earned).min(MOST);
    }

    /// Whether more came than was paid for. It stays so.
    pub(super) const fn is_spent(&self) -> bool {
        self.spent
    }

    /// The beat since which something has begun that is not whole yet.
    pub(super) const fn within(&self) -> Option<u64> {
        self.within
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PING: u8 = 0x6;

    fn frame(kind: u8, flags: u8, length: usize) -> Vec<u8> {
        let [.., high, middle, low] = u32::try_from(length).unwrap().to_be_bytes();
        let mut bytes = vec![high, middle, low, kind, flags, 0, 0, 0, 1];
        bytes.resize(9 + length, b'x');
        bytes
    }

    fn opened() -> Meter {
        let mut meter = Meter::new(0);
        meter.read(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0);
        meter
    }

    /// How many of a frame a connection may send at once.
    fn at_once(bytes: &[u8]) -> usize {
        let mut meter = opened();
        (0..100_000)
            .take_while(|_| {
                meter.read(bytes, 0);
                !meter.is_spent()
            })
            .count()
    }

    #[test]
    fn each_kind_of_flood_has_its_bound() {
        assert_eq!(at_once(&frame(PING, 0, 8)), 2048);
        assert_eq!(at_once(&frame(0x0, 0, 0)), 2048);
        assert_eq!(at_once(&frame(CONTINUATION, 0, 0)), 2048);
        assert_eq!(at_once(&frame(HEADERS, END_HEADERS, 50)), 409);
        assert_eq!(at_once(&frame(0x0, 0, 16_384)), 120);
        let mut rapid = frame(HEADERS, END_HEADERS, 50);
        rapid.extend(frame(RST_STREAM, 0, 4));
        assert_eq!(at_once(&rapid), 93);
    }

    #[test]
    fn time_and_answers_earn_and_not_more_than_there_was() {
        let mut meter = opened();
        for beat in 1..1000 {
            (0..10).for_each(|_| meter.read(&frame(PING, 0, 8), beat));
        }
        assert_eq!(
            (meter.left, meter.is_spent()),
            (MOST - 10, false),
            "what a beat earns may be spent in it"
        );
        // A stream, its body, two windows: what is answered may go on for ever.
        let mut request = frame(HEADERS, END_HEADERS, 300);
        request.extend(frame(0x0, 1, 4096));
        request.extend(frame(0x8, 0, 4).repeat(2));
        for _ in 0..100_000 {
            meter.read(&request, 1000);
            meter.answered();
        }
        assert!(!meter.is_spent());
        meter.read(&frame(PING, 0, 8).repeat(3000), 1000);
        assert!(meter.is_spent());
        meter.read(b"", 1_000_000);
        assert!(meter.is_spent(), "it stays so");
    }

    #[test]
    fn what_is_not_whole_is_known_since_when() {
        let mut meter = Meter::new(5);
        assert_eq!(meter.within(), Some(5), "a preface is to come");
        meter.read(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 6);
        assert_eq!(meter.within(), None);
        let ping = frame(PING, 0, 8);
        let mut at_once = Meter::new(5);
        at_once.read(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n+", 6);
        assert_eq!(
            at_once.within(),
            Some(6),
            "a frame that begins in the preface's packet does not date from before it"
        );
        meter.read(&ping[..3], 7);
        meter.read(&ping[3..10], 9);
        assert_eq!(meter.within(), Some(7));
        meter.read(&[&ping[10..], &ping[..1]].concat(), 11);
        assert_eq!(meter.within(), Some(11), "the next one has begun");
        meter.read(&ping[1..], 12);
        assert_eq!(meter.within(), None);
        meter.read(&frame(HEADERS, 0, 3), 20);
        meter.read(&frame(CONTINUATION, 0, 0), 30);
        assert_eq!(meter.within(), Some(20), "a header block goes on");
        meter.read(&frame(CONTINUATION, END_HEADERS, 1), 31);
        assert_eq!(meter.within(), None);
    }

    proptest! {
        #[test]
        fn how_it_is_cut_does_not_matter(
            kinds in prop::collection::vec((0_u8..12, any::<u8>(), 0_usize..3000), 0..40),
            cuts in prop::collection::vec(1_usize..700, 1..40),
        ) {
            let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
            for (kind, flags, length) in kinds {
                bytes.extend(frame(kind, flags, length));
            }
            let mut whole = Frames::default();
            let cost = whole.read(&bytes);
            let (mut parts, mut sum, mut rest) = (Frames::default(), 0, &bytes[..]);
            for cut in cuts.iter().cycle() {
                let (part, later) = rest.split_at(rest.len().min(*cut));
                sum += parts.read(part);
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(sum, cost);
            prop_assert_eq!((parts.whole, parts.is_within()), (whole.whole, whole.is_within()));
            prop_assert_eq!(whole.left, 0);
        }
    }
}
