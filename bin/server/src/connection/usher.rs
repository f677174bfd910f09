//! What a worker does between two passes over its tasks.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    rc::{Rc, Weak},
    task::{Poll, Waker},
};

use super::Worker;

/// The task that comes last in a pass.
#[derive(Debug, Default)]
pub(super) struct Usher {
    called: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Usher {
    /// Has it come when this pass is over, and what the system has for this thread has been looked at.
    pub(super) fn call(&self) {
        if !self.called.replace(true)
            && let Some(waker) = self.waker.borrow_mut().take()
        {
            waker.wake();
        }
    }
}

/// Comes when it is called, for as long as the worker lives.
pub(super) async fn run(worker: Weak<Worker>) {
    loop {
        let called = poll_fn(|context| {
            let Some(worker) = worker.upgrade() else { return Poll::Ready(None) };
            if worker.usher.called.replace(false) {
                return Poll::Ready(Some(()));
            }
            worker.usher.waker.replace(Some(context.waker().clone()));
            Poll::Pending
        });
        if called.await.is_none() {
            return;
        }
        tokio::task::yield_now().await;
        if let Some(worker) = worker.upgrade() {
            Rc::as_ref(&worker).between_passes();
        }
    }
}
