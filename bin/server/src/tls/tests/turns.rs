//! Handshakes that wait for their turn.

use std::{
    cell::RefCell,
    io::{self, Read, Write},
    sync::mpsc,
    time::Duration,
};

use openssl::ssl::{HandshakeError, Ssl, SslContext, SslMethod};
use tokio::{
    io::Interest,
    net::{TcpListener, TcpStream},
    task::yield_now,
};

use super::{AskFor, Listener};
use crate::{connection::Flight, tls::accept};

const PATIENCE: Duration = Duration::from_secs(20);

fn client() -> Ssl {
    Ssl::new(&SslContext::builder(SslMethod::tls_client()).unwrap().build()).unwrap()
}

fn greeting() -> Vec<u8> {
    testkit::first_words(|peer| {
        assert!(matches!(client().connect(peer), Err(HandshakeError::WouldBlock(_))));
    })
}

/// A stream whose first words come in two halves, the other one when it is told to go on.
#[derive(Debug)]
struct Halved(std::net::TcpStream, Option<mpsc::Receiver<()>>);

impl Read for Halved {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Halved {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (first, rest) = bytes.split_at(bytes.len() / 2);
        self.0.write_all(first)?;
        if let Some(go_on) = self.1.take() {
            go_on.recv().unwrap();
        }
        self.0.write_all(rest)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The next connection, as the server's library hands it on: the runtime knows nothing of it yet.
async fn next(listener: &TcpListener) -> TcpStream {
    let (io, _) = listener.accept().await.unwrap();
    TcpStream::from_std(io.into_std().unwrap()).unwrap()
}

#[actix_web::test]
async fn who_says_nothing_or_has_left_again_takes_no_turn() {
    let slot = Listener::new(AskFor::Never).slot;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let nobody = async |_flight| panic!("a turn");
    let mut left = std::net::TcpStream::connect(address).unwrap();
    left.write_all(&greeting()).unwrap();
    drop(left);
    let io = next(&listener).await;
    // What it left with may come a moment after it.
    while !io.ready(Interest::READABLE).await.unwrap().is_read_closed() {
        yield_now().await;
    }
    let error = accept(io, &slot, PATIENCE, nobody).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
    let _silent = TcpStream::connect(address).await.unwrap();
    let io = next(&listener).await;
    let error = accept(io, &slot, Duration::from_millis(20), nobody).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}

#[actix_web::test]
async fn each_flight_takes_a_turn_and_what_has_half_begun_is_no_cheaper() {
    let slot = Listener::new(AskFor::Never).slot;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (go_on, told) = mpsc::channel();
    let peer = std::thread::spawn(move || {
        let stream = Halved(std::net::TcpStream::connect(address).unwrap(), Some(told));
        client().connect(stream).map(|_stream| ()).map_err(|error| error.to_string())
    });
    let io = next(&listener).await;
    let flights = RefCell::new(Vec::new());
    let turn = async |flight| {
        flights.borrow_mut().push(flight);
        Ok(())
    };
    let tell = async {
        while flights.borrow().is_empty() {
            yield_now().await;
        }
        go_on.send(()).unwrap();
    };
    let (accepted, ()) = tokio::join!(accept(io, &slot, PATIENCE, turn), tell);
    accepted.unwrap();
    peer.join().unwrap().unwrap();
    let flights = flights.take();
    assert_eq!(flights[..2], [Flight::First, Flight::Next]);
    // Its last words come in two halves as well, or while the server is still at its own.
    assert!(flights[2..].iter().all(|flight| *flight == Flight::Last), "{flights:?}");
}
