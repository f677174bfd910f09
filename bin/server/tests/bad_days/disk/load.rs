//! Clients that ask for tokens, refreshes and revocations, and note every answer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Instant,
};

use reqwest::blocking::{Client, RequestBuilder};
use serde_json::Value;

use super::promises::{Family, Machine, Promises, State};
use crate::support::{Demo, acme_legacy, acme_m2m, http, wait_for};

/// Threads of each kind.
const THREADS: usize = 3;

/// How often a family is refreshed before the next one.
const REFRESHES: usize = 6;

/// What came back.
enum Answer {
    /// 200, with its body, which may be empty.
    Told(Value),
    /// 503: it may have happened or not.
    Unavailable,
    /// None: the server is gone.
    None,
}

/// Load, until it is stopped or the server goes.
pub(crate) struct Load {
    shared: Arc<Shared>,
    threads: Vec<std::thread::JoinHandle<Promises>>,
}

#[derive(Default)]
struct Shared {
    told: AtomicUsize,
    stop: AtomicBool,
}

impl Load {
    pub(crate) fn start(demo: &Demo) -> Self {
        Self::start_at(&[demo.acme("")])
    }

    /// The same at each of these tenants' URLs.
    pub(crate) fn start_at(urls: &[String]) -> Self {
        let shared = Arc::new(Shared::default());
        let mut threads = Vec::new();
        let urls = urls.iter().cycle().flat_map(|url| [url; 2]);
        for (number, url) in (0..2 * THREADS).zip(urls) {
            let worker = Worker {
                http: http(),
                url: url.clone(),
                shared: Arc::clone(&shared),
                promises: Promises::default(),
                gone: false,
            };
            let is_machine = number % 2 == 0;
            threads
                .push(std::thread::spawn(move || if is_machine { worker.machine() } else { worker.user() }));
        }
        Self { shared, threads }
    }

    /// How many successes were told.
    pub(crate) fn told(&self) -> usize {
        self.shared.told.load(Ordering::Relaxed)
    }

    /// Waits until so many successes were told.
    #[track_caller]
    pub(crate) fn wait_for(&self, count: usize) {
        let patience = std::time::Duration::from_mins(1);
        assert!(
            wait_for(patience, || (self.told() >= count).then_some(())).is_some(),
            "{} told",
            self.told()
        );
    }

    /// Ends it; all that was told.
    pub(crate) fn end(self) -> Promises {
        self.shared.stop.store(true, Ordering::Relaxed);
        let mut promises = Promises::default();
        for thread in self.threads {
            promises.merge(thread.join().unwrap());
        }
        promises
    }
}

struct Worker {
    http: Client,
    url: String,
    shared: Arc<Shared>,
    promises: Promises,
    gone: bool,
}

impl Worker {
    fn goes_on(&self) -> bool {
        !self.gone && !self.shared.stop.load(Ordering::Relaxed)
    }

    /// Asks, and notes the id of a request that was told of a success.
    fn ask(&mut self, make: impl FnOnce(RequestBuilder) -> RequestBuilder, endpoint: &str) -> Answer {
        let id = unique();
        let request = self.http.post(format!("{}{endpoint}", self.url)).header("X-Correlation-ID", &id);
        let answered = request_and_read(make(request));
        // Who finds nobody at home any more has not been in flight.
        let was_connected = answered.as_ref().is_err_and(|error| !error.is_connect());
        match answered {
            Ok((200, text)) => {
                self.shared.told.fetch_add(1, Ordering::Relaxed);
                self.promises.requests.push(id);
                Answer::Told(serde_json::from_str(&text).unwrap_or_default())
            }
            Ok((503, _)) => {
                self.promises.refused += 1;
                Answer::Unavailable
            }
            Ok((status, text)) => panic!("{endpoint}: {status} {text}"),
            Err(_) => {
                self.gone = true;
                self.promises.unanswered += usize::from(was_connected);
                Answer::None
            }
        }
    }

    /// Tokens of a machine, of which every third is revoked.
    fn machine(mut self) -> Promises {
        while self.goes_on() {
            let form = [("grant_type", "client_credentials")];
            let Answer::Told(answer) = self.ask(|request| acme_m2m(request).form(&form), "token") else {
                continue;
            };
            let token = answer["access_token"].as_str().unwrap().to_owned();
            let revoked =
                if self.promises.machines.len() % 3 == 2 { self.revoke(acme_m2m, &token) } else { State::No };
            self.promises.machines.push(Machine { token, revoked });
        }
        self.promises
    }

    /// Log-ins of a user, some refreshes of each, and the revocation of every third.
    fn user(mut self) -> Promises {
        let login = [
            ("grant_type", "password"),
            ("username", "bob"),
            ("password", "correct-horse-battery-staple"),
            ("scope", "openid offline_access"),
        ];
        while self.goes_on() {
            let Answer::Told(answer) = self.ask(|request| acme_legacy(request).form(&login), "token") else {
                continue;
            };
            let mut family = Family::new(&answer);
            for _ in 0..REFRESHES {
                if !self.goes_on() {
                    break;
                }
                let form = [("grant_type", "refresh_token"), ("refresh_token", family.refresh.as_str())];
                match self.ask(|request| acme_legacy(request).form(&form), "token") {
                    Answer::Told(answer) => family.told(&answer),
                    Answer::Unavailable | Answer::None => {
                        family.in_flight = Some(Instant::now());
                        break;
                    }
                }
            }
            if family.in_flight.is_none() && !self.gone && self.promises.families.len() % 3 == 2 {
                let token = family.refresh.clone();
                family.revoked = self.revoke(acme_legacy, &token);
            }
            self.promises.families.push(family);
        }
        self.promises
    }

    fn revoke(&mut self, client: impl Fn(RequestBuilder) -> RequestBuilder, token: &str) -> State {
        match self.ask(|request| client(request).form(&[("token", token)]), "revoke") {
            Answer::Told(_) => State::Told,
            Answer::Unavailable | Answer::None => State::Open,
        }
    }
}

/// Status and body; an error when either did not come whole.
fn request_and_read(request: RequestBuilder) -> reqwest::Result<(u16, String)> {
    let response = request.send()?;
    Ok((response.status().as_u16(), response.text()?))
}

/// An id that no other request has.
fn unique() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    format!("load-{:016x}", RandomState::new().hash_one(0))
}
