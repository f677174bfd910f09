//! A network that hangs: a relay that can stop forwarding without closing anything.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::support::wait_for;

/// A relay from a free port to a server's socket.
pub(super) struct Proxy {
    pub(super) port: u16,
    socket: PathBuf,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    closed: AtomicBool,
    stalled: Mutex<bool>,
    changed: Condvar,
    open: Mutex<Vec<(TcpStream, UnixStream)>>,
}

impl Proxy {
    /// Starts it; it ends with the test's process.
    pub(super) fn to(socket: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let proxy = Self { port, socket: socket.to_owned(), state: Arc::default() };
        proxy.listen(listener);
        proxy
    }

    fn listen(&self, listener: TcpListener) {
        let (relay, socket) = (Arc::clone(&self.state), self.socket.clone());
        std::thread::spawn(move || {
            for caller in listener.incoming().map_while(Result::ok) {
                if relay.closed.load(Ordering::SeqCst) {
                    break;
                }
                let (relay, socket) = (Arc::clone(&relay), socket.clone());
                std::thread::spawn(move || relay.serve(caller, &socket));
            }
        });
    }

    /// Forwards nothing any more, and closes nothing: everyone waits.
    pub(super) fn stall(&self) {
        *self.state.stalled.lock().unwrap() = true;
    }

    /// Forwards what has waited, and everything after it.
    pub(super) fn resume(&self) {
        *self.state.stalled.lock().unwrap() = false;
        self.state.changed.notify_all();
    }

    /// Refuses connections from now on, as a machine does whose server has gone.
    pub(super) fn close(&self) {
        self.state.closed.store(true, Ordering::SeqCst);
        // It looks when someone comes.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        self.cut();
    }

    /// Lets callers in again after [`Self::close`], at the same port.
    #[track_caller]
    pub(super) fn open_again(&self) {
        // Someone's outgoing connection may have the port for a moment.
        let bound = || TcpListener::bind(("127.0.0.1", self.port)).ok();
        let listener = wait_for(Duration::from_secs(10), bound).expect("the port is free again");
        self.state.closed.store(false, Ordering::SeqCst);
        self.listen(listener);
    }

    /// Closes all connections and lets new ones pass.
    pub(super) fn cut(&self) {
        for (caller, server) in self.state.open.lock().unwrap().drain(..) {
            drop(caller.shutdown(Shutdown::Both));
            drop(server.shutdown(Shutdown::Both));
        }
        self.resume();
    }
}

impl State {
    fn serve(self: Arc<Self>, caller: TcpStream, socket: &PathBuf) {
        self.wait();
        let Ok(server) = UnixStream::connect(socket) else { return };
        let copies = (caller.try_clone().unwrap(), server.try_clone().unwrap());
        self.open.lock().unwrap().push((caller.try_clone().unwrap(), server.try_clone().unwrap()));
        let relay = Arc::clone(&self);
        std::thread::spawn(move || relay.copy(copies.1, copies.0));
        self.copy(caller, server);
    }

    fn copy(&self, mut from: impl Read, mut to: impl Write + End) {
        let mut buffer = [0; 16 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            self.wait();
            if to.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        self.wait();
        to.end();
    }

    fn wait(&self) {
        drop(self.changed.wait_while(self.stalled.lock().unwrap(), |stalled| *stalled).unwrap());
    }
}

trait End {
    fn end(&self);
}

impl End for TcpStream {
    fn end(&self) {
        drop(self.shutdown(Shutdown::Both));
    }
}

impl End for UnixStream {
    fn end(&self) {
        drop(self.shutdown(Shutdown::Both));
    }
}
