//! The bench as the command line wants it.

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use crate::cache::SharedCache;
use crate::cases::CASES;
use crate::chapter::Chapter;
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::place::Place;
use crate::rates::HELD;
use crate::report::Report;
use crate::samples::Samples;
use crate::{compare, expiry, flood, growth, memory, output, overload, rates};

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Section {
    /// Floor, parts, peers and the whole, at full pace and at a held rate.
    Rates,
    /// Memory after many tokens, and how fast a server starts that has them stored.
    Memory,
    /// What tokens take on the disk, before and after they expire.
    Growth,
    /// What expiry costs those who get tokens meanwhile.
    Expiry,
    /// What a flood of guesses at one tenant costs the clients of another.
    Flood,
    /// What callers hear, and what it takes, when ten times as much is asked as can be done.
    Overload,
}

/// What the command line says.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The server's program.
    #[arg(long)]
    server: PathBuf,
    /// An empty directory on the disk that is to be measured.
    #[arg(long)]
    data: PathBuf,
    /// PostgreSQL instead of SQLite: the URL of a server of the bench's own, on core 0, with a superuser's rights.
    #[arg(long)]
    postgres: Option<String>,
    /// What to measure.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Section::Rates])]
    sections: Vec<Section>,
    /// Seconds that each measurement takes.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// How often everything is measured.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// How many tokens are issued (memory), and put into the database (growth).
    #[arg(long, default_value_t = 1_000_000)]
    tokens: u64,
    /// The directory of the peers; without it there are none.
    #[arg(long)]
    peers: Option<PathBuf>,
    /// Only this kind of request (floors and parts are measured in any case).
    #[arg(long)]
    only: Option<String>,
    /// Another build of the server's program: rates of the two in turn, and nothing else.
    #[arg(long)]
    against: Option<PathBuf>,
    /// Seconds that a measurement waits, at most, until other guests of the hardware leave the shared cache alone.
    #[arg(long, default_value_t = 10.0)]
    quiet: f64,
    /// Where to write the result as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// Measures and reports. A section that fails is told; the others go on.
///
/// # Errors
/// When a section has failed.
pub(crate) fn run(args: Args) -> Result<()> {
    if args.runs == 0 || args.seconds.is_nan() || args.seconds < 0.1 || args.tokens == 0 {
        return Err(Failure::new("at least one run of at least 0.1 seconds, and one token"));
    }
    if let Some(only) = &args.only
        && !CASES.iter().any(|case| case.name == only)
    {
        return Err(Failure::new(format!("there is no {only}")));
    }
    let settings = json!({
        "seconds": args.seconds, "runs": args.runs, "tokens": args.tokens, "connections": 32, "held": HELD,
        "quiet": args.quiet,
    });
    let context = context(&args)?;
    let mut report = Report::begin(&context.place, settings, args.json.clone())?;
    if let Some(other) = &args.against {
        section(&context, &mut report, "against", |context| compare::run(context, other))?;
        return whole(&context);
    }
    if args.sections.contains(&Section::Rates) {
        let mut samples = Samples::default();
        let done = rates::run(&context, &mut samples).map_err(|failure| context.failed(&failure.of("rates")));
        report.rates(&context, samples, done.is_ok())?;
    }
    for (name, measure) in SECTIONS {
        if args.sections.contains(&name) {
            section(&context, &mut report, &format!("{name:?}").to_lowercase(), measure)?;
        }
    }
    report.end(&context)?;
    whole(&context)
}

fn context(args: &Args) -> Result<Context> {
    Ok(Context {
        bench: std::env::current_exe()?,
        place: Place::of(args.postgres.as_deref(), &args.data)?,
        server: args.server.clone(),
        data: args.data.clone(),
        span: Duration::from_secs_f64(args.seconds),
        runs: args.runs,
        tokens: args.tokens,
        peers: args.peers.clone(),
        only: args.only.clone(),
        quiet: Duration::from_secs_f64(args.quiet.clamp(0.0, 600.0)),
        cache: SharedCache::known().into(),
        voided: RefCell::default(),
        failed: RefCell::default(),
    })
}

fn section(
    context: &Context,
    report: &mut Report,
    name: &str,
    measure: impl FnOnce(&Context) -> Result<Chapter>,
) -> Result<()> {
    output::progress(&format!("{}: {name}", context.place.name()));
    match measure(context) {
        Ok(chapter) => report.chapter(context, chapter),
        Err(failure) => {
            context.failed(&failure.of(name));
            report.nothing(context, name)
        }
    }
}

fn whole(context: &Context) -> Result<()> {
    match context.failed.borrow().len() {
        0 => Ok(()),
        count => Err(Failure::new(format!("{count} of what was asked for could not be measured; see above"))),
    }
}

type Measure = fn(&Context) -> Result<Chapter>;

/// Sections of one table each.
const SECTIONS: [(Section, Measure); 5] = [
    (Section::Memory, memory::run),
    (Section::Growth, growth::run),
    (Section::Expiry, expiry::run),
    (Section::Flood, flood::run),
    (Section::Overload, overload::run),
];
