//! A correct client on a bad day, and what a bad day is bounded by.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::support::{Ask as _, Demo, acme_m2m, http, wait_for};

/// Whether the long versions run.
pub(crate) fn long() -> bool {
    std::env::var_os("COUNTERSIGN_LONG").is_some_and(|value| value == "1")
}

/// Asks for tokens and looks at them, one after the other, until it is told to stop.
pub(crate) struct Bystander {
    over: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    begun: Instant,
    thread: JoinHandle<Vec<(u16, Duration)>>,
}

/// How it went.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) good: usize,
    pub(crate) shed: usize,
    /// Of the good ones.
    pub(crate) slowest: Duration,
    /// Good answers a second.
    pub(crate) pace: f64,
}

impl Bystander {
    /// Starts it, and waits until it is at work: what comes then meets it there.
    #[track_caller]
    pub(crate) fn start(demo: &Demo) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let answered = Arc::new(AtomicUsize::new(0));
        let (stop, told) = (Arc::clone(&over), Arc::clone(&answered));
        let (token, introspect) = (demo.acme("token"), demo.acme("introspect"));
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
                told.fetch_add(2, Ordering::Relaxed);
                let (begun, answer) = (Instant::now(), said.json());
                let form = [("token", answer["access_token"].as_str().unwrap())];
                let said = acme_m2m(http.post(&introspect)).form(&form).said();
                times.push((said.status, begun.elapsed()));
            }
            times
        });
        let one = Self { over, answered, begun: Instant::now(), thread };
        let at_work = || (one.answered() > 0).then_some(());
        assert!(wait_for(Duration::from_mins(1), at_work).is_some(), "not served at all");
        one
    }

    /// Answers that it has had.
    pub(crate) fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    /// Its pace with what is there now, and nothing else.
    pub(crate) fn pace_now(demo: &Demo) -> f64 {
        let one = Self::start(demo);
        let enough = || (one.answered() >= 80).then_some(());
        assert!(wait_for(Duration::from_mins(1), enough).is_some(), "hardly served");
        one.served().pace
    }

    /// Ends it. Every answer was 200, or 503 where the server may shed.
    pub(crate) fn served(self) -> Served {
        let elapsed = self.begun.elapsed();
        self.over.store(true, Ordering::Relaxed);
        let times = self.thread.join().unwrap();
        let good: Vec<Duration> =
            times.iter().filter(|(status, _)| *status == 200).map(|(_, time)| *time).collect();
        let shed = times.iter().filter(|(status, _)| *status == 503).count();
        let other = times.iter().find(|(status, _)| ![200, 503].contains(status));
        assert_eq!(other, None, "only 200 and 503, {} of {}", good.len() + shed, times.len());
        #[expect(clippy::cast_precision_loss, reason = "there are not that many")]
        let pace = good.len() as f64 / elapsed.as_secs_f64();
        Served { good: good.len(), shed, pace, slowest: good.into_iter().max().unwrap_or_default() }
    }

    /// Ends it: it was served all the while, every time within `bound`, and at a third of its pace before at least.
    /// What exactly it loses, the bench says: here whoever disturbs it has the same processors.
    #[track_caller]
    pub(crate) fn undisturbed_at_its_pace(self, before: f64, bound: Duration) {
        let pace = self.undisturbed(bound);
        println!("{pace:.0} a second, and {before:.0} before");
        assert!(pace * 3.0 >= before, "{pace:.0} a second, and {before:.0} before");
    }

    /// Ends it: it was served all the while, every time within `bound`; its pace.
    #[track_caller]
    pub(crate) fn undisturbed(self, bound: Duration) -> f64 {
        let served = self.served();
        println!("meanwhile {served:?}");
        assert!(served.good > 2, "hardly served: {served:?}");
        assert_eq!(served.shed, 0, "{served:?}");
        assert!(served.slowest < bound, "{served:?}");
        served.pace
    }
}
