//! Floor, parts, peers and the whole: everything in turn, several times over, so that what disturbs the machine
//! disturbs all alike.

use std::time::Duration;

use crate::cases::{CASES, Case, Host, copy_documents};
use crate::context::Context;
use crate::failure::Result;
use crate::install::Guard;
use crate::load::{self, Course, Pace};
use crate::measure::{Subject, prepared_for};
use crate::pgbench::Pgbench;
use crate::samples::{Samples, Seen};
use crate::serving::Server;
use crate::trips::Trips;
use crate::{output, programs};

/// Share of the maximum that a held rate is.
pub(crate) const HELD: f64 = 0.7;

const NAME: &str = "rates";

struct Hosts {
    floor: Server,
    countersign: Server,
    peer: Option<Server>,
    pgbench: Option<Pgbench>,
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

/// Measures all of it. A case that fails is told and left out; the others go on.
///
/// # Errors
/// When anything else fails: then what is in `samples` is not all of it.
pub(crate) fn run(context: &Context, samples: &mut Samples) -> Result<()> {
    let (installation, _url) = context.install(NAME, Guard::Down)?;
    let countersign = installation.serve()?;
    let floor = programs::floor(&context.bench)?;
    copy_documents(&countersign, &floor)?;
    let complaints = context.data.join("oidc-provider.log");
    let peer = context.peers.as_deref().map(|folder| programs::oidc_provider(folder, &complaints));
    let peer = peer.transpose()?;
    let hosts = Hosts { floor, countersign, peer, pgbench: Pgbench::prepare(context)? };
    let mut left: Vec<_> = cases(context).collect();
    for number in 1..=context.runs {
        output::progress(&format!("run {number} of {}: parts", context.runs));
        parts(context, &hosts, number, samples)?;
        left.retain(|case| is_whole(context, case, full(context, case, &hosts, samples), samples));
    }
    for number in 1..=context.runs {
        output::progress(&format!("held rates, run {number} of {}", context.runs));
        left.retain(|case| is_whole(context, case, held(context, case, &hosts, samples), samples));
    }
    trips(context, &hosts, samples)?;
    drop(hosts);
    context.place.remove(NAME)
}

/// Whether a case was measured; otherwise it is forgotten.
fn is_whole(context: &Context, case: &Case, done: Result<()>, samples: &mut Samples) -> bool {
    done.inspect_err(|failure| {
        context.failed(failure);
        samples.forget(case.host, case.name);
    })
    .is_ok()
}

/// The cases that are wanted.
pub(crate) fn cases(context: &Context) -> impl Iterator<Item = &'static Case> {
    let only = context.only.as_deref();
    CASES.iter().filter(move |case| case.host == Host::Floor || only.is_none_or(|only| only == case.name))
}

fn parts(context: &Context, hosts: &Hosts, number: usize, samples: &mut Samples) -> Result<()> {
    let mut attempts = 1..;
    let rates = context.twice("parts", || {
        // Of its own, for one that failed may have left something.
        let name = format!("parts_{number}_{}", attempts.next().unwrap_or_default());
        parts_in(context, hosts, &name)
    })?;
    for (name, rate) in rates {
        samples.part(&name, rate);
    }
    Ok(())
}

fn parts_in(context: &Context, hosts: &Hosts, name: &str) -> Result<Vec<(String, f64)>> {
    let (folder, url) = (context.data.join(name), context.place.fresh(name)?);
    std::fs::create_dir_all(&folder)?;
    // There are many of them, and each is steadier than a whole.
    let seconds = (context.span.as_secs_f64() / 2.0).max(0.5);
    let (rates, _cache) = context.undisturbed(|| programs::parts(&context.bench, &folder, &url, seconds))?;
    context.place.remove(name)?;
    let mut rates: Vec<_> =
        rates.into_iter().map(|(name, rate)| (name, rate.as_f64().unwrap_or_default())).collect();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some seconds")]
    let seconds = seconds.ceil() as u64;
    rates.push(("openssl speed rsa2048".to_owned(), programs::openssl(seconds)?));
    if let Some(pgbench) = &hosts.pgbench {
        rates.extend(pgbench.rates(seconds)?.into_iter().map(|(name, rate)| (name.to_owned(), rate)));
    }
    Ok(rates)
}

fn full(context: &Context, case: &'static Case, hosts: &Hosts, samples: &mut Samples) -> Result<()> {
    let Some(server) = hosts.server(case.host) else { return Ok(()) };
    let subject = Subject { context, case, server };
    let last = samples.case(case.host, case.name).and_then(Seen::last_rate);
    let warm_up = if last.is_some() { context.span / 6 } else { context.span };
    let warm = subject.warm_up(Pace::Full, warm_up, last)?;
    let measured = subject.measure(Pace::Full, Some(last.map_or(warm, |last| last.max(warm))))?;
    if let Some(seen) = samples.case_mut(case.host, case.name) {
        seen.cache.push(measured.cache);
        seen.full.push(measured.observed);
        seen.processor.push(measured.processor);
        seen.database.push(measured.database);
        seen.others.push(measured.others);
        seen.took.push(measured.took);
        seen.resident.push(server.resident()?);
    }
    Ok(())
}

fn held(context: &Context, case: &'static Case, hosts: &Hosts, samples: &mut Samples) -> Result<()> {
    if case.host != Host::Countersign {
        return Ok(());
    }
    let Some(seen) = samples.case_mut(case.host, case.name) else { return Ok(()) };
    seen.held_rate = seen.rate() * HELD;
    let pace = Pace::Held(seen.held_rate);
    let subject = Subject { context, case, server: &hosts.countersign };
    subject.warm_up(pace, context.span / 6, None)?;
    let measured = subject.measure(pace, None)?;
    seen.held.push(measured.observed);
    seen.held_cache.push(measured.cache);
    seen.held_others.push(measured.others);
    Ok(())
}

/// Counts round trips, by a short run of each case that is not measured otherwise.
fn trips(context: &Context, hosts: &Hosts, samples: &mut Samples) -> Result<()> {
    let Some(postgres) = context.place.postgres() else { return Ok(()) };
    let trips = Trips::count(postgres)?;
    for case in cases(context).filter(|case| case.host == Host::Countersign) {
        if samples.case(case.host, case.name).is_none() {
            continue;
        }
        let course = Course::full(Duration::from_secs(1));
        let last = samples.case(case.host, case.name).and_then(Seen::last_rate);
        let found = context.twice(&format!("{}: round trips", case.name), || {
            let scripts = case.scripts(&hosts.countersign, prepared_for(course, last))?;
            trips.reset()?;
            let observed = load::run(case.target(&hosts.countersign)?, scripts, course)?;
            #[expect(clippy::cast_precision_loss, reason = "some million answers are exact in an f64")]
            let requests = observed.answered.max(1) as f64;
            Ok(trips.so_far(NAME)? / requests)
        })?;
        if let Some(seen) = samples.case_mut(case.host, case.name) {
            seen.trips = Some(found);
        }
    }
    trips.end()
}
