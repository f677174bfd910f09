//! What a worker does between two passes over its tasks.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    rc::Weak,
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

/// What the usher has been woken for.
enum Errand {
    /// Something has come from another thread.
    Post,
    /// It was called.
    Called,
    /// The worker is gone.
    Over,
}

/// Comes when it is called or when there is post, for as long as the worker lives.
pub(super) async fn run(worker: Weak<Worker>) {
    loop {
        let errand = poll_fn(|context| {
            let Some(worker) = worker.upgrade() else { return Poll::Ready(Errand::Over) };
            if worker.usher.called.replace(false) {
                return Poll::Ready(Errand::Called);
            }
            if worker.post.has_come(context) {
                return Poll::Ready(Errand::Post);
            }
            worker.usher.waker.replace(Some(context.waker().clone()));
            Poll::Pending
        });
        match errand.await {
            Errand::Post => {}
            // The runtime asks the system for what has come before it goes on with who yields.
            Errand::Called => tokio::task::yield_now().await,
            Errand::Over => return,
        }
        let Some(worker) = worker.upgrade() else { return };
        worker.post.hand_out();
        worker.between_passes();
    }
}
