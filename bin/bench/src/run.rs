//! The whole bench: everything in turn, several times over, so that what disturbs the machine disturbs all alike.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use crate::cases::{CASES, Case, Host, copy_documents};
use crate::failure::{Failure, Result};
use crate::load::{self, Observed, Pace};
use crate::samples::Samples;
use crate::scrape::{self, PerRequest};
use crate::serving::{self, Server};
use crate::{output, report};

/// Share of the maximum that a held rate is.
const HELD: f64 = 0.7;

/// Share of the core beyond which other programs are told of.
const DISTURBED: f64 = 0.1;

/// What the command line says.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The server's program.
    #[arg(long)]
    server: PathBuf,
    /// An empty directory on the disk that is to be measured.
    #[arg(long)]
    data: PathBuf,
    /// Seconds that each measurement takes.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// How often everything is measured.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// The directory of the peers; without it there are none.
    #[arg(long)]
    peers: Option<PathBuf>,
    /// Only this kind of request (floors and parts are measured in any case).
    #[arg(long)]
    only: Option<String>,
    /// Where to write the result as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

struct Hosts {
    floor: Server,
    countersign: Server,
    peer: Option<Server>,
}

impl Hosts {
    fn server(&self, host: Host) -> Option<&Server> {
        match host {
            Host::Floor => Some(&self.floor),
            Host::Countersign => Some(&self.countersign),
            Host::OidcProvider => self.peer.as_ref(),
        }
    }
}

/// Measures and reports.
///
/// # Errors
/// When anything was answered with an error: then there is no result.
pub(crate) fn run(args: &Args) -> Result<()> {
    if args.runs == 0 || args.seconds.is_nan() || args.seconds < 0.1 {
        return Err(Failure::new("at least one run of at least 0.1 seconds"));
    }
    if let Some(only) = &args.only
        && !CASES.iter().any(|case| case.name == only)
    {
        return Err(Failure::new(format!("there is no {only}")));
    }
    let bench = std::env::current_exe()?;
    let countersign = serving::countersign(&args.server, &args.data.join("server"))?;
    let floor = serving::floor(&bench)?;
    copy_documents(&countersign, &floor)?;
    let peer = args.peers.as_deref().map(serving::oidc_provider).transpose()?;
    let hosts = Hosts { floor, countersign, peer };
    let mut samples = Samples::default();
    for number in 1..=args.runs {
        output::progress(&format!("run {number} of {}: parts", args.runs));
        parts(args, &bench, number, &mut samples)?;
        for case in cases(args) {
            full(args, case, &hosts, &mut samples)?;
        }
    }
    for number in 1..=args.runs {
        output::progress(&format!("held rates, run {number} of {}", args.runs));
        for case in cases(args).filter(|case| case.host == Host::Countersign) {
            held(args, case, &hosts, &mut samples)?;
        }
    }
    drop(hosts);
    report::print(&samples)?;
    if let Some(path) = &args.json {
        let settings = json!({ "seconds": args.seconds, "runs": args.runs, "connections": 32, "held": HELD });
        std::fs::write(path, format!("{:#}\n", report::json(&samples, &settings)))?;
    }
    Ok(())
}

fn cases(args: &Args) -> impl Iterator<Item = &'static Case> {
    let wanted =
        |case: &&Case| case.host == Host::Floor || args.only.as_deref().is_none_or(|only| only == case.name);
    CASES.iter().filter(wanted)
}

fn parts(args: &Args, bench: &std::path::Path, number: usize, samples: &mut Samples) -> Result<()> {
    let folder = args.data.join(format!("parts-{number}"));
    std::fs::create_dir_all(&folder)?;
    // There are many of them, and each is steadier than a whole.
    let seconds = (args.seconds / 2.0).max(0.5);
    for (name, rate) in serving::parts(bench, &folder, seconds)? {
        samples.part(&name, rate.as_f64().unwrap_or_default());
    }
    std::fs::remove_dir_all(&folder)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some seconds")]
    let seconds = seconds.ceil() as u64;
    samples.part("openssl speed rsa2048", serving::openssl(seconds)?);
    Ok(())
}

fn full(args: &Args, case: &'static Case, hosts: &Hosts, samples: &mut Samples) -> Result<()> {
    let Some(server) = hosts.server(case.host) else { return Ok(()) };
    let warm = samples.case(case.host, case.name).is_some();
    let warm_up = Duration::from_secs_f64(if warm { args.seconds / 6.0 } else { args.seconds });
    measure(case, server, Pace::Full, warm_up)?;
    let Measured { observed, took, processor, others } =
        measure(case, server, Pace::Full, Duration::from_secs_f64(args.seconds))?;
    if let Some(seen) = samples.case_mut(case.host, case.name) {
        seen.full.push(observed);
        seen.processor.push(processor);
        seen.others.push(others);
        seen.took = took;
        seen.resident = server.resident()?;
    }
    Ok(())
}

fn held(args: &Args, case: &'static Case, hosts: &Hosts, samples: &mut Samples) -> Result<()> {
    let Some(seen) = samples.case_mut(case.host, case.name) else { return Ok(()) };
    seen.held_rate = seen.rate() * HELD;
    let span = Duration::from_secs_f64(args.seconds);
    let pace = Pace::Held(seen.held_rate);
    measure(case, &hosts.countersign, pace, span / 6)?;
    seen.held.push(measure(case, &hosts.countersign, pace, span)?.observed);
    Ok(())
}

struct Measured {
    observed: Observed,
    took: PerRequest,
    /// Microseconds per request.
    processor: f64,
    /// Share of the core.
    others: f64,
}

fn measure(case: &Case, server: &Server, pace: Pace, span: Duration) -> Result<Measured> {
    let measured = || {
        let scripts = case.scripts(server)?;
        let ours = case.host == Host::Countersign;
        let numbers =
            || if ours { scrape::numbers(server, case.route) } else { Ok(scrape::Numbers::default()) };
        let (before, used, busy) = (numbers()?, server.processor()?, serving::core_busy()?);
        let observed = load::run(server.address, scripts, pace, span)?;
        let used = server.processor()? - used;
        let others = ((serving::core_busy()? - busy - used) / span.as_secs_f64()).max(0.0);
        if others > DISTURBED {
            let (host, percent) = (case.host.name(), others * 100.0);
            output::progress(&format!("{host}: {}: others took {percent:.0} % of the core", case.name));
        }
        #[expect(clippy::cast_precision_loss, reason = "some million answers are exact in an f64")]
        let requests = observed.answered.max(1) as f64;
        let (took, processor) = (numbers()?.since(&before, requests), used * 1e6 / requests);
        Ok(Measured { observed, took, processor, others })
    };
    measured().map_err(|failure: Failure| failure.of(&format!("{}: {}", case.host.name(), case.name)))
}
