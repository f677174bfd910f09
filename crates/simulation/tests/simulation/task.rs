//! Requests under way: futures that stop wherever another node may get in between.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// One request on one node. To drop it is the crash of that node.
struct Task {
    node: usize,
    work: Pin<Box<dyn Future<Output = ()>>>,
}

/// All of them. There is no order but the one that the seed chooses.
#[derive(Default)]
pub(crate) struct Tasks(RefCell<Vec<Task>>);

impl Tasks {
    pub(crate) fn start(&self, node: usize, work: impl Future<Output = ()> + 'static) {
        self.0.borrow_mut().push(Task { node, work: Box::pin(work) });
    }

    pub(crate) fn len(&self) -> usize {
        self.0.borrow().len()
    }

    /// Lets the `index`th go on to its next stop. While it runs it is in no list, so that what it lets in between
    /// is always another.
    pub(crate) fn step(&self, index: usize) {
        let mut task = self.0.borrow_mut().swap_remove(index);
        if task.work.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            self.0.borrow_mut().push(task);
        }
    }

    /// Ends all of a node's, wherever they are; how many there were.
    pub(crate) fn crash(&self, node: usize) -> usize {
        let (gone, left): (Vec<_>, Vec<_>) = self.0.take().into_iter().partition(|task| task.node == node);
        self.0.replace(left);
        gone.len()
    }
}

/// A stop: returns when the seed lets the request go on.
pub(crate) fn pause() -> impl Future<Output = ()> {
    let mut stopped = false;
    std::future::poll_fn(move |_| {
        if stopped {
            return Poll::Ready(());
        }
        stopped = true;
        Poll::Pending
    })
}
