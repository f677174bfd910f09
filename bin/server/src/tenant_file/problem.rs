//! What is wrong with a tenant file, and where.

/// One thing that is wrong. Its text never repeats a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1, on which the entry concerned begins.
    pub line: usize,
    /// The entry: `client acme-web`.
    pub entry: String,
    /// The key within it: `redirect_uris`.
    pub key: &'static str,
    /// What is wrong, and what would be right.
    pub text: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}: {}: {}", self.line, self.entry, self.key, self.text)
    }
}

/// An entry of the file.
#[derive(Clone, Debug)]
pub(super) struct Place {
    offset: usize,
    entry: String,
}

impl Place {
    /// The entry that begins at a byte of the file.
    pub(super) fn new(offset: usize, entry: impl Into<String>) -> Self {
        Self { offset, entry: entry.into() }
    }
}

/// Collects problems, so that all are told at once.
#[derive(Debug)]
pub(super) struct Problems<'a> {
    text: &'a str,
    /// With the byte at which each entry begins; its line is found at the end, for all of them in one pass.
    found: Vec<(usize, Problem)>,
}

impl<'a> Problems<'a> {
    /// None yet, in a file of this text.
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, found: Vec::new() }
    }

    /// Notes one.
    pub(super) fn add(&mut self, place: &Place, key: &'static str, text: impl Into<String>) {
        let problem = Problem { line: 0, entry: place.entry.clone(), key, text: text.into() };
        self.found.push((place.offset, problem));
    }

    /// Notes one if there is one.
    pub(super) fn check(&mut self, fine: bool, place: &Place, key: &'static str, text: &str) {
        if !fine {
            self.add(place, key, text);
        }
    }

    /// Notes those that there are.
    pub(super) fn extend(
        &mut self,
        place: &Place,
        key: &'static str,
        texts: impl IntoIterator<Item = String>,
    ) {
        for text in texts {
            self.add(place, key, text);
        }
    }

    /// All of them, in the file's order.
    pub(super) fn into_found(mut self) -> Vec<Problem> {
        self.found.sort_by_key(|(offset, _)| *offset);
        let mut bytes = self.text.bytes().enumerate().peekable();
        let mut line: usize = 1;
        let placed = self.found.into_iter().map(|(offset, problem)| {
            while let Some((_, byte)) = bytes.next_if(|(at, _)| *at < offset) {
                line = line.saturating_add(usize::from(byte == b'\n'));
            }
            Problem { line, ..problem }
        });
        placed.collect()
    }
}

/// The line, from 1, of a byte.
pub(super) fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count().saturating_add(1)
}
