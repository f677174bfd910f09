//! What a request uses up: owed until the first commit of the request takes it along.

use std::cell::RefCell;

use domain::{Refusal, Remembered, Write, WriteBatch};

/// Writes that the request owes, and what it is told when an identifier was used up already. Nothing is allocated for
/// a request that owes nothing.
#[derive(Debug, Default)]
pub struct Uses(RefCell<Option<Owed>>);

#[derive(Clone, Debug)]
struct Owed {
    writes: Vec<Write>,
    replayed: Refusal,
}

impl Uses {
    /// Owes the writes of `batch`; a conflict because of an identifier that is remembered ends in `replayed`.
    pub fn owe(&self, batch: WriteBatch, replayed: Refusal) {
        *self.0.borrow_mut() = Some(Owed { writes: batch.writes, replayed });
    }

    /// Owes one more, if something is owed; else gives it back.
    pub fn add(&self, write: Write) -> Option<Write> {
        match self.0.borrow_mut().as_mut() {
            Some(owed) => {
                owed.writes.push(write);
                None
            }
            None => Some(write),
        }
    }

    /// Whether nothing is owed.
    pub fn are_settled(&self) -> bool {
        self.0.borrow().is_none()
    }

    /// `batch` behind what is owed.
    pub fn with(&self, batch: WriteBatch) -> WriteBatch {
        match self.0.borrow().as_ref() {
            Some(owed) => WriteBatch { writes: owed.writes.iter().cloned().chain(batch.writes).collect() },
            None => batch,
        }
    }

    /// It has been written.
    pub fn settle(&self) {
        *self.0.borrow_mut() = None;
    }

    /// What may be the reason of a conflict, and what is said then.
    pub fn suspects(&self) -> Option<(Vec<Remembered>, Refusal)> {
        let owed = self.0.borrow();
        let owed = owed.as_ref()?;
        let once = |write: &Write| match write {
            Write::UseOnce(id) => Some(*id),
            _ => None,
        };
        Some((owed.writes.iter().filter_map(once).collect(), owed.replayed.clone()))
    }
}
