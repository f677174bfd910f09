//! What other threads have for a worker.
//!
//! The runtime looks at tasks that other threads have woken once in 31 tasks, or when there is nothing else to do
//! (tokio's `LocalSet`): under overload that never is, and an answer whose commit had returned waited for 40 ms. So what
//! is done elsewhere for a request is put here, and the usher hands it out in each pass.

use std::{
    cell::RefCell,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Waker},
};

use tokio::sync::oneshot;

use super::Worker;

/// What a worker is to do, on its own thread and at once: send something through a channel.
type Letter = Box<dyn FnOnce() + Send>;

/// A way back to the task that waits for it, by the post if that is a worker's.
#[derive(Debug)]
pub struct Reply<T> {
    sender: oneshot::Sender<T>,
    post: Option<Post>,
}

/// A way back to this thread, and what a task of it waits for: an error when the way back was dropped unused.
pub fn reply<T: Send + 'static>() -> (Reply<T>, oneshot::Receiver<T>) {
    let (sender, receiver) = oneshot::channel();
    (Reply { sender, post: Worker::present().map(|worker| worker.post.clone()) }, receiver)
}

impl<T: Send + 'static> Reply<T> {
    /// Whether nobody waits for it any more.
    pub fn is_abandoned(&self) -> bool {
        self.sender.is_closed()
    }

    /// Tells, from whatever thread. Whoever asked may have given up.
    pub fn tell(self, value: T) {
        let Self { sender, post } = self;
        match post {
            Some(post) => post.leave(move || drop(sender.send(value))),
            None => drop(sender.send(value)),
        }
    }
}

thread_local! {
    /// The workers to be woken when all letters of a round are left, while there is one.
    static ROUND: RefCell<Option<Vec<Waker>>> = const { RefCell::new(None) };
}

/// Has `work` leave its letters, and wakes whom they are for once it is done. Woken by the first letter, a worker would
/// go to sleep again after it, and be woken for each of the others.
pub fn round(work: &mut dyn FnMut()) {
    ROUND.set(Some(Vec::new()));
    // However it ends.
    let _over = RoundOver;
    work();
}

struct RoundOver;

impl Drop for RoundOver {
    fn drop(&mut self) {
        ROUND.take().into_iter().flatten().for_each(Waker::wake);
    }
}

fn wake(waker: Waker) {
    let alone = ROUND.with_borrow_mut(|round| match round {
        Some(wakers) => {
            wakers.push(waker);
            None
        }
        None => Some(waker),
    });
    if let Some(waker) = alone {
        waker.wake();
    }
}

/// A worker's letter box. Clones are the same one.
#[derive(Clone, Default)]
pub(super) struct Post(Arc<Mutex<Letters>>);

#[derive(Default)]
struct Letters {
    letters: Vec<Letter>,
    waker: Option<Waker>,
}

impl Post {
    /// Leaves a letter, from whatever thread. It is never waited for.
    fn leave(&self, letter: impl FnOnce() + Send + 'static) {
        let mut post = self.lock();
        post.letters.push(Box::new(letter));
        let waker = post.waker.take();
        drop(post);
        if let Some(waker) = waker {
            wake(waker);
        }
    }

    /// Whether there are letters; if not, the task at hand is woken for the next one.
    pub(super) fn has_come(&self, context: &Context<'_>) -> bool {
        let mut post = self.lock();
        if post.letters.is_empty() {
            post.waker = Some(context.waker().clone());
        }
        !post.letters.is_empty()
    }

    /// Hands out what has come.
    pub(super) fn hand_out(&self) {
        let letters = std::mem::take(&mut self.lock().letters);
        for letter in letters {
            letter();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Letters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Post {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Post").field("letters", &self.lock().letters.len()).finish()
    }
}
