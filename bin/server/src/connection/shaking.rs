//! A connection in the midst of its TLS handshake: it counts as one, and takes turns.

use std::rc::Rc;

use super::{
    Flight, Place, Refused, Worker,
    handshakes::{Answer, Asker},
};

/// A connection that shakes hands; no longer when dropped.
#[derive(Debug)]
pub struct Shaking {
    worker: Rc<Worker>,
    asker: Asker,
}

impl Shaking {
    /// Who holds a `place` shakes hands with a worker.
    pub fn new(place: &Place, worker: &Rc<Worker>) -> Self {
        worker.shaking.set(worker.shaking.get().saturating_add(1));
        let asker = Asker { source: place.source(), bounded: place.is_counted() };
        Self { worker: Rc::clone(worker), asker }
    }

    /// Waits for the turn of a flight that can go on. To be asked for each: who says the beginning of a greeting on many
    /// connections, and the rest on all of them at once, would pass all the others.
    ///
    /// # Errors
    /// When there is none.
    pub async fn turn(&self, flight: Flight) -> Result<(), Refused> {
        match self.worker.lets_shake(self.asker, flight) {
            Answer::Now(told) => told,
            // Its worker lives as long as it does: it is told.
            Answer::Later(turn) => turn.await.unwrap_or(Err(Refused::Late)),
        }
    }
}

impl Drop for Shaking {
    fn drop(&mut self) {
        self.worker.shaking.set(self.worker.shaking.get().saturating_sub(1));
    }
}
