//! What each part of the product can do by itself, in one process: commits and reads through `storage`, signatures and
//! hashes through `jose`, and the disk alone.

mod commits;
mod crypto;
mod disk;
pub(crate) mod fill;
mod reads;
mod records;

use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value};
use storage::{Database, DatabaseConfig};

use crate::failure::Result;
use crate::{clock, output};
use records::Records;

/// Measures every part for about `span` each, with the empty database at `url` and the disk under `folder`, and prints
/// one JSON object: a name, and how many per second.
///
/// # Errors
/// When a part fails. Nothing is printed then.
pub(crate) fn run(folder: &Path, url: &str, span: Duration) -> Result<()> {
    let database = Database::create(&DatabaseConfig::new(url))?;
    database.migrate()?;
    let records = Records::prepare(&database)?;
    let mut rates = Map::new();
    let mut put = |name: &str, rate: f64| rates.insert(name.to_owned(), Value::from(rate));
    put("fdatasync 4 kB", disk::syncs(folder, span)?);
    for (name, rate) in commits::rates(&records, span)? {
        put(name, rate);
    }
    for (name, rate) in reads::rates(&records, span)? {
        put(name, rate);
    }
    for (name, rate) in crypto::rates(records.tenant(), span)? {
        put(name, rate);
    }
    database.shut_down();
    output::line(&Value::Object(rates).to_string())?;
    Ok(())
}

/// How often `work` can be done per second: a warm-up of a tenth, then for `span`.
///
/// # Errors
/// The first one of `work`.
fn rate(span: Duration, mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut turn = |span: Duration| -> Result<f64> {
        let (start, mut done) = (clock::now(), 0_u32);
        while start.elapsed() < span {
            // The clock is read now and then, so that it is not what is measured.
            for _ in 0..16 {
                work()?;
            }
            done = done.saturating_add(16);
        }
        Ok(f64::from(done) / start.elapsed().as_secs_f64())
    };
    turn(span / 10)?;
    turn(span)
}
