//! Many connections that ask without pause.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// What a request of the crowd looks like, by its number.
type Request = Arc<dyn Fn(u64) -> Vec<u8> + Send + Sync>;

/// A crowd at work.
pub(crate) struct Crowd {
    over: Arc<AtomicBool>,
    seen: Arc<Mutex<Seen>>,
    thread: JoinHandle<()>,
}

/// What a crowd was answered: times in milliseconds by status.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) times: BTreeMap<u16, Vec<u64>>,
    /// 429 or 503 without `Retry-After`.
    pub(crate) rude: u64,
    /// Connections that ended.
    pub(crate) ended: u64,
}

impl Seen {
    pub(crate) fn count(&self, status: u16) -> usize {
        self.times.get(&status).map_or(0, Vec::len)
    }

    /// The 99th percentile of a status's times.
    pub(crate) fn p99(&self, status: u16) -> Duration {
        let mut times = self.times.get(&status).cloned().unwrap_or_default();
        times.sort_unstable();
        let at = times.len().saturating_sub(1) * 99 / 100;
        Duration::from_millis(times.get(at).copied().unwrap_or_default())
    }

    /// A line for the reader of a test's output.
    pub(crate) fn told(&self) -> String {
        let one = |status: &u16| format!("{status}: {} (p99 {:?})", self.count(*status), self.p99(*status));
        let all: Vec<String> = self.times.keys().map(one).collect();
        format!("{}, {} connections ended", all.join(", "), self.ended)
    }
}

impl Crowd {
    /// Opens `connections` to `url`, each of which asks again as soon as it is answered.
    pub(crate) fn start(
        url: &str,
        connections: usize,
        request: impl Fn(u64) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let (over, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Seen::default())));
        let (stop, notes) = (Arc::clone(&over), Arc::clone(&seen));
        let (address, request): (_, Request) =
            (url.trim_start_matches("http://").to_owned(), Arc::new(request));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let number = Arc::new(AtomicU64::new(0));
            runtime.block_on(async {
                let mut tasks = tokio::task::JoinSet::new();
                for _ in 0..connections {
                    let (address, request) = (address.clone(), Arc::clone(&request));
                    let (stop, notes, number) = (Arc::clone(&stop), Arc::clone(&notes), Arc::clone(&number));
                    tasks.spawn(async move {
                        while !stop.load(Ordering::Relaxed) {
                            if one_connection(&address, &request, (&stop, &notes, &number)).await.is_none() {
                                notes.lock().unwrap().ended += 1;
                                tokio::task::yield_now().await;
                            }
                        }
                    });
                }
                tasks.join_all().await;
            });
        });
        Self { over, seen, thread }
    }

    /// How many answers there were so far.
    pub(crate) fn answered(&self, status: u16) -> usize {
        self.seen.lock().unwrap().count(status)
    }

    /// Ends it; what it saw.
    pub(crate) fn end(self) -> Seen {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

type Notes<'a> = (&'a AtomicBool, &'a Mutex<Seen>, &'a AtomicU64);

/// Asks until told to stop; `None` when the connection ended.
async fn one_connection(address: &str, request: &Request, (stop, notes, number): Notes<'_>) -> Option<()> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let mut read = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let begun = Instant::now();
        stream.write_all(&request(number.fetch_add(1, Ordering::Relaxed))).await.ok()?;
        let head = loop {
            if let Some(end) = read.windows(4).position(|part| part == b"\r\n\r\n") {
                break String::from_utf8_lossy(&read[..end + 4]).to_ascii_lowercase();
            }
            if stream.read_buf(&mut read).await.ok()? == 0 {
                return None;
            }
        };
        let length: usize = head.split("content-length: ").nth(1)?.lines().next()?.trim().parse().ok()?;
        while read.len() < head.len() + length {
            if stream.read_buf(&mut read).await.ok()? == 0 {
                return None;
            }
        }
        read.drain(..head.len() + length);
        let status = super::support::raw::status(&head);
        let mut seen = notes.lock().unwrap();
        seen.times.entry(status).or_default().push(u64::try_from(begun.elapsed().as_millis()).unwrap());
        if [429, 503].contains(&status) && !head.contains("retry-after: ") {
            seen.rude += 1;
        }
    }
    Some(())
}

/// A form request as bytes.
pub(crate) fn form(path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\n{headers}\
         content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}
