//! What writes besides batches: administrators and expiry.

use std::sync::mpsc;
use std::time::Duration;

use domain::Fault;

use super::{Database, PATIENCE, unanswered};
use crate::commit::{Pace, Removal};
use crate::failure::{Failure, Result, Trouble, trouble};
use crate::link::{Link, conclude, transact};

impl Database {
    /// Does `work` in a transaction of its own: on SQLite in the committer's thread, for there is one writer; on
    /// PostgreSQL in this one.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Link) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.write_within(PATIENCE, work)
    }

    /// Has the committer of a file do `removals`, some in each transaction of others, and tells how many rows went.
    pub(crate) fn ride(&self, removals: Vec<Removal>, pace: Pace) -> Result<usize> {
        let (done, answered) = mpsc::sync_channel(1);
        if !self.0.committer.ride((removals, pace), done, (PATIENCE / 2).min(self.0.connector.timeout)) {
            return Err(Failure::Fault(Fault::Busy("the commit queue")));
        }
        self.answer(&answered, PATIENCE)
    }

    pub(super) fn write_within<T: Send + 'static>(
        &self,
        patience: Duration,
        work: impl FnOnce(&mut Link) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if !self.0.connector.target.has_single_writer() {
            // No beat of the reads: it may take as long as it is patient, and says nothing of them.
            let mut link = self.connection()?;
            return self.over(&mut link, |link| {
                transact(link, |link| {
                    link.db().be_patient().map_err(|error| trouble("transaction", "set", &error))?;
                    work(link)
                })
            });
        }
        self.through_committer(patience, |link| conclude(link, work))
    }

    /// Does `work` in a committer's thread, in a transaction that has begun and that it ends.
    pub(super) fn through_committer<T: Send + 'static>(
        &self,
        patience: Duration,
        work: impl FnOnce(&mut Link) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = mpsc::sync_channel(1);
        let task = Box::new(move |link: Result<&mut Link, Trouble>| {
            let done = link.map_err(Failure::from).and_then(work);
            // Whoever asked may have given up.
            drop(answer.send(done));
        });
        if !self.0.committer.run(task, (patience / 2).min(self.0.connector.timeout)) {
            return Err(Failure::Fault(Fault::Busy("the commit queue")));
        }
        let done = self.answer(&answered, patience)?;
        self.0.connector.commit_is_in_place()?;
        Ok(done)
    }

    /// What the committer answers, waited for so long.
    fn answer<T>(&self, answered: &mpsc::Receiver<Result<T>>, patience: Duration) -> Result<T> {
        match answered.recv_timeout(patience) {
            Ok(done) => done.map_err(|failure| self.explain(failure)),
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(Failure::Fault(Fault::Crashed)),
            Err(mpsc::RecvTimeoutError::Timeout) => Err(Failure::Fault(unanswered())),
        }
    }
}
