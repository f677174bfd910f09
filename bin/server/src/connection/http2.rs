//! A connection that speaks HTTP/2 (RFC 9113): the requests of its streams to the service, the answers back.
//!
//! The `h2` library keeps the protocol. The HTTP library has a dispatcher over it as well, which leaves every bound of
//! it as it is, works on for streams that were reset, and knows no graceful end.

use std::{net::SocketAddr, pin::Pin, rc::Rc, task::Poll, time::Duration};

use actix_http::{HttpMessage as _, Request, Response, body::BoxBody, error::PayloadError};
use actix_service::Service;
use actix_web::{
    HttpResponse,
    body::to_bytes,
    dev::{Payload, ServiceResponse},
    http::StatusCode,
    rt::time::{Sleep, timeout},
    web::Bytes,
};
use futures_core::Stream;
use h2::{
    Reason, RecvStream,
    server::{Builder, Connection, SendResponse},
};
use tokio::{sync::watch, task::JoinSet};

use super::{Bounds, State, Underlying, Watched, translation};
use crate::{admission, respond};

/// Streams that a peer may have open (RFC 9113 §6.5.2 recommends no fewer).
const STREAMS: u32 = 100;

/// Requests of one connection that are answered at a time. The other streams wait.
const AT_A_TIME: usize = 32;

/// Most bytes of a request's header fields, as RFC 9113 §6.5.2 counts them.
const HEADER_LIST: u32 = 64 * 1024;

/// Bytes of bodies that a connection may send ahead of who reads them.
const WINDOW: u32 = 64 * 1024 - 1;

/// Bytes of answers that wait for one stream.
const SEND_BUFFER: usize = 64 * 1024;

/// How long a connection that is being closed may linger.
const LINGER: Duration = Duration::from_secs(2);

/// How a request went.
enum Outcome {
    /// The peer has its answer, or gave it up.
    Over,
    /// The peer did not make room for the answer in time.
    NotTaken,
}

/// What comes next on a connection.
enum Step {
    Request(Box<http::Request<RecvStream>>, SendResponse<Bytes>),
    Answered(Outcome),
    /// More came than a peer may send.
    Spent,
    /// Nothing is being answered, for as long as that may be.
    Idle,
    Stopping,
    Ended,
}

/// Serves a connection to its end. Never fails: how it ends is for the peer alone.
pub async fn serve<Io, S>(
    io: Watched<Io>,
    service: Rc<S>,
    peer: Option<SocketAddr>,
    bounds: Bounds,
    stopping: watch::Receiver<bool>,
) where
    Io: Underlying + 'static,
    S: Service<Request, Response = ServiceResponse<BoxBody>, Error = HttpResponse> + 'static,
{
    let state = io.state();
    let handshake = Builder::new()
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADER_LIST)
        .initial_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_send_buffer_size(SEND_BUFFER)
        .handshake(io);
    let Ok(Ok(connection)) = timeout(bounds.patience, handshake).await else { return };
    let idle = Box::pin(waiting(bounds.patience));
    let served = Served { connection, state, service, peer, bounds, answers: JoinSet::new(), idle };
    served.run(stopping).await;
}

struct Served<Io, S> {
    connection: Connection<Watched<Io>, Bytes>,
    state: Rc<State>,
    service: Rc<S>,
    peer: Option<SocketAddr>,
    bounds: Bounds,
    /// Those in progress. They end with the connection.
    answers: JoinSet<Outcome>,
    /// Until when nothing may be in progress.
    idle: Pin<Box<Sleep>>,
}

impl<Io, S> Served<Io, S>
where
    Io: Underlying + 'static,
    S: Service<Request, Response = ServiceResponse<BoxBody>, Error = HttpResponse> + 'static,
{
    async fn run(mut self, mut stopping: watch::Receiver<bool>) {
        let mut leaving = false;
        loop {
            match self.step(&mut stopping, leaving).await {
                Step::Request(request, respond) => {
                    // As many in a row as an HTTP/1 connection may begin.
                    if self.state.is_pushing() {
                        admission::let_others().await;
                    }
                    self.begin(*request, respond);
                }
                Step::Answered(Outcome::Over) if self.answers.is_empty() => {
                    self.idle = Box::pin(waiting(if leaving { LINGER } else { self.bounds.keep_alive }));
                }
                Step::Answered(Outcome::Over) => {}
                Step::Answered(Outcome::NotTaken) => return self.end(Reason::CANCEL).await,
                Step::Spent => {
                    tracing::info!(peer = ?self.peer, "a connection sent more than it may and is ended");
                    return self.end(Reason::ENHANCE_YOUR_CALM).await;
                }
                Step::Idle if leaving => return,
                Step::Idle | Step::Stopping => {
                    leaving = true;
                    self.connection.graceful_shutdown();
                    self.idle = Box::pin(waiting(LINGER));
                }
                Step::Ended => return,
            }
        }
    }

    async fn step(&mut self, stopping: &mut watch::Receiver<bool>, leaving: bool) -> Step {
        let Self { connection, state, answers, idle, .. } = self;
        let has_room = answers.len() < AT_A_TIME;
        let nothing = answers.is_empty();
        tokio::select! {
            biased;
            // An end of the sender is an end as well.
            _stopped = stopping.wait_for(|stopping| *stopping), if !leaving => Step::Stopping,
            Some(answered) = answers.join_next() => Step::Answered(answered.unwrap_or(Outcome::Over)),
            step = next(connection, state, has_room) => step,
            () = idle, if nothing => Step::Idle,
        }
    }

    fn begin(&mut self, request: http::Request<RecvStream>, respond: SendResponse<Bytes>) {
        let (head, body) = request.into_parts();
        let is_head = head.method == http::Method::HEAD;
        let request =
            translation::request(&head, Payload::Stream { payload: Box::pin(Body(body)) }, self.peer);
        let (service, state, patience) =
            (Rc::clone(&self.service), Rc::clone(&self.state), self.bounds.patience);
        self.answers.spawn_local(async move {
            let mut respond = respond;
            let response = match request {
                Ok(request) => {
                    request.extensions_mut().insert(Rc::clone(&state));
                    tokio::select! {
                        response = service.call(request) => {
                            response.map_or_else(Response::from, Response::from)
                        }
                        // Nobody waits for it any more: what it holds is let go.
                        _reset = std::future::poll_fn(|context| respond.poll_reset(context)) => return Outcome::Over,
                    }
                }
                Err(refused) => refusal(refused).into(),
            };
            send(response, is_head, respond, &state, patience).await
        });
    }

    /// Says why the connection ends, and ends it.
    async fn end(mut self, reason: Reason) {
        self.answers.abort_all();
        self.connection.abrupt_shutdown(reason);
        let closed = std::future::poll_fn(|context| self.connection.poll_closed(context));
        drop(timeout(LINGER, closed).await);
    }
}

/// Drives the connection until something is to be done.
async fn next<Io: Underlying>(
    connection: &mut Connection<Watched<Io>, Bytes>,
    state: &State,
    has_room: bool,
) -> Step {
    std::future::poll_fn(|context| {
        let step = if has_room {
            connection.poll_accept(context).map(|next| match next {
                Some(Ok((request, respond))) => Step::Request(Box::new(request), respond),
                Some(Err(_)) | None => Step::Ended,
            })
        } else {
            connection.poll_closed(context).map(|_closed| Step::Ended)
        };
        if state.is_spent() { Poll::Ready(Step::Spent) } else { step }
    })
    .await
}

async fn send(
    response: Response<BoxBody>,
    is_head: bool,
    mut respond: SendResponse<Bytes>,
    state: &State,
    patience: Duration,
) -> Outcome {
    let (response, body) = response.into_parts();
    // What cannot be read has not been answered.
    let Ok(mut body) = to_bytes(body).await else { return Outcome::Over };
    let head = translation::response(response.head(), body.len());
    let is_whole = is_head || body.is_empty();
    let Ok(mut stream) = respond.send_response(head, is_whole) else { return Outcome::Over };
    while !is_whole && !body.is_empty() {
        stream.reserve_capacity(body.len());
        let room = std::future::poll_fn(|context| stream.poll_capacity(context));
        match timeout(patience, room).await {
            Err(_elapsed) => return Outcome::NotTaken,
            Ok(Some(Ok(room))) => {
                let part = body.split_to(room.min(body.len()));
                if stream.send_data(part, body.is_empty()).is_err() {
                    return Outcome::Over;
                }
            }
            Ok(None | Some(Err(_))) => return Outcome::Over,
        }
    }
    state.answered();
    Outcome::Over
}

fn refusal(status: StatusCode) -> HttpResponse {
    respond::plain_error(status, "invalid_request", "The request's header fields are not acceptable")
}

/// A request's body. What has been read makes room for more.
struct Body(RecvStream);

impl Stream for Body {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut std::task::Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_data(context).map(|data| {
            let failed = |error| PayloadError::Io(std::io::Error::other::<h2::Error>(error));
            let part = match data? {
                Ok(part) => part,
                Err(error) => return Some(Err(failed(error))),
            };
            Some(self.0.flow_control().release_capacity(part.len()).map(|()| part).map_err(failed))
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "bounds an idle connection, decides nothing that is stored")]
fn waiting(time: Duration) -> Sleep {
    actix_web::rt::time::sleep(time)
}
