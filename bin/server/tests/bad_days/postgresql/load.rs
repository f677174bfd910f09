//! Clients that go on asking whatever happens, and remember what they were told.

use std::{
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use reqwest::blocking::{Client, RequestBuilder};
use serde_json::Value;

use crate::support::{Ask as _, Said, acme_legacy, acme_m2m, http};

/// For how long an answer that got lost can be had again (DECISIONS 3.4), less what a test may dawdle.
const GRACE: Duration = Duration::from_secs(8);

/// Clients at work.
pub(super) struct Load {
    stop: Vec<Sender<()>>,
    threads: Vec<JoinHandle<Told>>,
}

/// What clients were told.
#[derive(Default)]
pub(super) struct Told {
    live: Vec<String>,
    revoked: Vec<String>,
    /// The last refresh token of each family, and the access token that came with it.
    families: Vec<(String, String)>,
    pub(super) good: usize,
    pub(super) refused: usize,
    pub(super) slowest: Duration,
}

struct Worker {
    url: String,
    http: Client,
    told: Told,
    /// The family's tokens, refresh and access.
    family: Option<(String, String)>,
    /// Since when an answer to a rotation has been outstanding.
    unanswered: Option<Instant>,
}

impl Load {
    /// Starts so many clients, each at the next one of these tenants' URLs.
    pub(super) fn start(urls: &[String], clients: usize) -> Self {
        let mut load = Self { stop: Vec::new(), threads: Vec::new() };
        for url in urls.iter().cycle().take(clients) {
            let (stop, stopped) = mpsc::channel();
            let worker = Worker {
                url: url.clone(),
                http: http(),
                told: Told::default(),
                family: None,
                unanswered: None,
            };
            load.stop.push(stop);
            load.threads.push(std::thread::spawn(move || worker.work(&stopped)));
        }
        load
    }

    /// Ends it and puts together what all were told.
    pub(super) fn stop(self) -> Told {
        drop(self.stop);
        let mut all = Told::default();
        for thread in self.threads {
            let told = thread.join().expect("a client saw nothing but 200 and 503");
            all.live.extend(told.live);
            all.revoked.extend(told.revoked);
            all.families.extend(told.families);
            all.good += told.good;
            all.refused += told.refused;
            all.slowest = all.slowest.max(told.slowest);
        }
        all
    }
}

impl Worker {
    fn work(mut self, stopped: &mpsc::Receiver<()>) -> Told {
        let mut round = 0;
        while stopped.recv_timeout(Duration::from_millis(5)) == Err(RecvTimeoutError::Timeout) {
            self.machine();
            self.family();
            round += 1;
            if round % 3 == 0 && !self.told.live.is_empty() {
                self.revoke();
            }
        }
        self.told.families.extend(self.family.filter(|_| self.unanswered.is_none()));
        self.told
    }

    fn machine(&mut self) {
        let request = acme_m2m(self.http.post(format!("{}/token", self.url)));
        if let Some(said) = self.ask(request.form(&[("grant_type", "client_credentials")])) {
            self.told.live.push(text(&said.json(), "access_token"));
        }
    }

    fn revoke(&mut self) {
        // Whether it lives is unknown until there is an answer.
        let token = self.told.live.pop().unwrap();
        let request = acme_m2m(self.http.post(format!("{}/revoke", self.url))).form(&[("token", &token)]);
        if self.ask(request).is_some() {
            self.told.revoked.push(token);
        }
    }

    /// Begins a family, or rotates its token; where no answer came, with the same token again.
    fn family(&mut self) {
        let request = acme_legacy(self.http.post(format!("{}/token", self.url)));
        let begun = Instant::now();
        let request = match &self.family {
            None => request.form(&[
                ("grant_type", "password"),
                ("username", "bob"),
                ("password", "correct-horse-battery-staple"),
                ("scope", "openid offline_access"),
            ]),
            Some((refresh, _)) => {
                request.form(&[("grant_type", "refresh_token"), ("refresh_token", refresh)])
            }
        };
        if self.unanswered.is_some_and(|since| since.elapsed() > GRACE) {
            // Its successor may be lost with the answer.
            (self.family, self.unanswered) = (None, None);
            return;
        }
        match self.ask(request) {
            Some(said) => {
                let json = said.json();
                self.family = Some((text(&json, "refresh_token"), text(&json, "access_token")));
                self.unanswered = None;
            }
            None if self.family.is_some() => self.unanswered = self.unanswered.or(Some(begun)),
            None => {}
        }
    }

    /// The answer, or nothing when it was a proper 503.
    fn ask(&mut self, request: RequestBuilder) -> Option<Said> {
        let begun = Instant::now();
        let said = request.said();
        self.told.slowest = self.told.slowest.max(begun.elapsed());
        if said.status == 200 {
            self.told.good += 1;
            return Some(said);
        }
        assert_eq!(said.error(), (503, "temporarily_unavailable".into()), "{}", said.text);
        assert_eq!(said.header("retry-after"), "1");
        self.told.refused += 1;
        None
    }
}

impl Told {
    /// All of it is true, as the tenant at this URL knows it.
    #[track_caller]
    pub(super) fn is_true_at(&self, url: &str) {
        let ask = http();
        let active = |token: &str| {
            let request = acme_m2m(ask.post(format!("{url}/introspect")));
            request.form(&[("token", token)]).json_ok()["active"] == true
        };
        assert!(!self.live.is_empty() && !self.revoked.is_empty() && !self.families.is_empty());
        let lost = self.live.iter().filter(|token| !active(token)).count();
        assert_eq!(lost, 0, "of {} tokens are lost", self.live.len());
        let risen = self.revoked.iter().filter(|token| active(token)).count();
        assert_eq!(risen, 0, "of {} revoked tokens live", self.revoked.len());
        for (refresh, access) in &self.families {
            assert!(active(access), "the access token of a refresh is lost");
            let request = acme_legacy(ask.post(format!("{url}/token")));
            request.form(&[("grant_type", "refresh_token"), ("refresh_token", refresh)]).json_ok();
        }
    }
}

fn text(json: &Value, name: &str) -> String {
    json[name].as_str().unwrap().to_owned()
}
