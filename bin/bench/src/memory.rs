//! Memory after many tokens, and how fast a server starts that has them stored.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::bars::Bar;
use crate::cases::machine_tokens;
use crate::chapter::Chapter;
use crate::context::Context;
use crate::failure::Result;
use crate::install::{Guard, Installation};
use crate::load::{self, Course};
use crate::samples::{median, range};
use crate::serving::Server;
use crate::{clock, output};

/// How often the server is started.
const STARTS: usize = 5;

/// Issues tokens over HTTP, looks at the server's memory, kills it, and starts it again on what is stored.
///
/// # Errors
/// When anything was answered with an error.
pub(crate) fn run(context: &Context) -> Result<Chapter> {
    let (installation, _url) = context.install("memory", Guard::Hashing)?;
    let server = installation.serve()?;
    one_token(&server)?;
    let before = server.resident()?;
    let (mut issued, mut seen) = (0_u64, Vec::new());
    while issued < context.tokens {
        let course = Course::full(Duration::from_secs(5));
        let observed = context.twice("memory", || load::run(server.address, machine_tokens(), course))?;
        issued = issued.saturating_add(u64::try_from(observed.answered)?);
        let resident = server.resident()?;
        output::progress(&format!("memory: {issued} tokens, {resident:.0} MB"));
        seen.push((issued, resident));
    }
    let (after, most) = (server.resident()?, server.most_resident()?);
    // Killed, so that the next start has to recover.
    drop(server);
    let starts = (0..STARTS).map(|_| start(&installation)).collect::<Result<Vec<_>>>()?;
    let disk = context.place.disk("memory")?;
    context.place.remove("memory")?;
    let first = median(starts.iter().copied());
    let (low, high) = range(starts.iter().copied());
    Ok(Chapter {
        name: "memory",
        words: format!(
            "Memory and start, {issued} tokens issued over HTTP and stored ({:.0} MB); {STARTS} starts, each after \
             SIGKILL:",
            disk.sum()
        ),
        head: &["tokens", "MB before", "MB after", "most MB", "first token after ms", "range"],
        rows: vec![vec![
            issued.to_string(),
            format!("{before:.0}"),
            format!("{after:.0}"),
            format!("{most:.0}"),
            format!("{first:.0}"),
            format!("{low:.0} – {high:.0}"),
        ]],
        bars: vec![
            Bar::below(format!("below 100 MB resident after {issued} tokens"), Some(after), 100.0),
            Bar::below(format!("below 1000 ms to the first token with {issued} stored"), Some(high), 1000.0),
        ],
        details: json!({ "resident_mb": seen, "starts_ms": starts }),
    })
}

/// Milliseconds from executing the server's program to the first token.
fn start(installation: &Installation) -> Result<f64> {
    let start: Instant = clock::now();
    let server = installation.serve()?;
    one_token(&server)?;
    Ok(start.elapsed().as_secs_f64() * 1000.0)
}

/// Gets a token, so that the client's secret is remembered.
///
/// # Errors
/// When there is none.
pub(crate) fn one_token(server: &Server) -> Result<()> {
    let scripts = machine_tokens();
    scripts.first().map_or(Ok(()), |script| load::once(server.address, script.request()).map(drop))
}
