//! A correct client on a bad day, and what a bad day is bounded by.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::support::{Ask as _, Demo, acme_m2m, http};

/// Whether the long versions run.
pub(crate) fn long() -> bool {
    std::env::var_os("COUNTERSIGN_LONG").is_some_and(|value| value == "1")
}

/// Asks for tokens and looks at them, one after the other, until it is told to stop.
pub(crate) struct Bystander {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Vec<(u16, Duration)>>,
}

/// How it went.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) good: usize,
    pub(crate) shed: usize,
    /// Of the good ones.
    pub(crate) slowest: Duration,
}

impl Bystander {
    pub(crate) fn start(demo: &Demo) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (stop, token, introspect) = (Arc::clone(&over), demo.acme("token"), demo.acme("introspect"));
        let thread = std::thread::spawn(move || {
            let http = http();
            let mut times = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let begun = Instant::now();
                let said = acme_m2m(http.post(&token)).form(&[("grant_type", "client_credentials")]).said();
                times.push((said.status, begun.elapsed()));
                if said.status != 200 {
                    continue;
                }
                let (begun, answer) = (Instant::now(), said.json());
                let form = [("token", answer["access_token"].as_str().unwrap())];
                let said = acme_m2m(http.post(&introspect)).form(&form).said();
                times.push((said.status, begun.elapsed()));
            }
            times
        });
        Self { over, thread }
    }

    /// Ends it. Every answer was 200, or 503 where the server may shed.
    pub(crate) fn served(self) -> Served {
        self.over.store(true, Ordering::Relaxed);
        let times = self.thread.join().unwrap();
        let good: Vec<Duration> =
            times.iter().filter(|(status, _)| *status == 200).map(|(_, time)| *time).collect();
        let shed = times.iter().filter(|(status, _)| *status == 503).count();
        let other = times.iter().find(|(status, _)| ![200, 503].contains(status));
        assert_eq!(other, None, "only 200 and 503, {} of {}", good.len() + shed, times.len());
        Served { good: good.len(), shed, slowest: good.into_iter().max().unwrap_or_default() }
    }

    /// Ends it: it was served all the while, every time within `bound`.
    #[track_caller]
    pub(crate) fn undisturbed(self, bound: Duration) {
        let served = self.served();
        println!("meanwhile {served:?}");
        assert!(served.good > 2, "hardly served: {served:?}");
        assert_eq!(served.shed, 0, "{served:?}");
        assert!(served.slowest < bound, "{served:?}");
    }
}
