//! What tokens take on the disk, and whether their room is used again once they have expired.

use serde_json::json;

use crate::bars::Bar;
use crate::chapter::Chapter;
use crate::context::{Context, wait_for_expiry};
use crate::failure::Result;
use crate::install::Guard;
use crate::parts::fill::{LONG_AGO, Rows};
use crate::place::Disk;
use crate::{clock, output};

const NAME: &str = "growth";

/// How often the tokens come and expire.
const ROUNDS: u32 = 3;

/// What one round showed.
struct Round {
    /// With the tokens.
    tokens: Disk,
    /// With their audit rows too.
    all: Disk,
    /// After everything has expired.
    expired: Disk,
    /// How long that took, seconds.
    seconds: f64,
}

/// In each round, puts tokens and audit rows that are fifteen months old into the database, and lets a server remove
/// them. All of it was past its time when it came, so the file should grow in the first round only.
///
/// # Errors
/// When the database refuses, or rows do not expire.
pub(crate) fn run(context: &Context) -> Result<Chapter> {
    let (installation, url) = context.install(NAME, Guard::Hashing)?;
    let empty = context.place.disk(NAME)?;
    let mut rounds = Vec::new();
    for number in 1..=ROUNDS {
        output::progress(&format!("growth: round {number} of {ROUNDS}"));
        context.fill(&url, Rows::Sessions, context.tokens, -LONG_AGO, 10)?;
        let tokens = context.place.disk(NAME)?;
        context.fill(&url, Rows::Audit, context.tokens, -LONG_AGO, 10)?;
        let all = context.place.disk(NAME)?;
        let server = installation.serve()?;
        let start = clock::now();
        #[expect(clippy::cast_precision_loss, reason = "some million rows are exact in an f64")]
        let count = context.tokens as f64;
        wait_for_expiry(&server, count, count)?;
        let seconds = start.elapsed().as_secs_f64();
        let expired = context.place.disk(NAME)?;
        drop(server);
        context.place.settle(NAME)?;
        rounds.push(Round { tokens, all, expired, seconds });
    }
    context.place.remove(NAME)?;
    Ok(chapter(context, empty, &rounds))
}

fn chapter(context: &Context, empty: Disk, rounds: &[Round]) -> Chapter {
    #[expect(clippy::cast_precision_loss, reason = "some million tokens are exact in an f64")]
    let (count, mut words) = (context.tokens as f64, String::new());
    if let Some(first) = rounds.first() {
        let million = |more: f64| more * 1e6 / count;
        words = format!(
            "Growth, {} tokens and as many audit rows written through `storage`, fifteen months old. A million tokens \
             take {:.0} MB, and their audit rows {:.0} MB:",
            context.tokens,
            million(first.tokens.database - empty.database),
            million(first.all.database - first.tokens.database),
        );
    }
    let disk = |disk: Disk| format!("{:.0} + {:.0}", disk.database, disk.log);
    let row = |(number, round): (u32, &Round)| {
        vec![
            number.to_string(),
            disk(round.tokens),
            disk(round.all),
            disk(round.expired),
            format!("{:.1}", round.seconds),
            format!("{:.0}", 2.0 * count / round.seconds),
        ]
    };
    let most = |round: Option<&Round>| Some(round?.all.database.max(round?.expired.database));
    let growth = most(rounds.first()).zip(most(rounds.last())).map(|(first, last)| last / first);
    let demand =
        format!("flat after expiry: the database after {ROUNDS} rounds at most 1.02 of that after one");
    let details = rounds.iter().map(|round| {
        json!({
            "tokens_mb": round.tokens.database, "all_mb": round.all.database,
            "expired_mb": round.expired.database, "log_mb": round.expired.log, "expiry_s": round.seconds,
        })
    });
    Chapter {
        name: NAME,
        words,
        head: &["round", "tokens: MB + log", "and audit", "expired", "in s", "rows removed per s"],
        rows: (1..).zip(rounds).map(row).collect(),
        bars: vec![Bar::at_most(demand, growth, 1.02)],
        details: details.collect(),
    }
}
