//! The bench: what the product does per second, what its parts could do, and what stands between the two.
//!
//! `scripts/bench` builds and runs it; docs/performance.md says what the figures mean.

mod bars;
mod cache;
mod cases;
mod chapter;
mod clock;
mod compare;
mod context;
mod credentials;
mod expiry;
mod failure;
mod flood;
mod floor;
mod formula;
mod growth;
mod install;
mod load;
mod measure;
mod memory;
mod output;
mod overload;
mod parts;
mod pgbench;
mod place;
mod proc;
mod programs;
mod rates;
mod report;
mod run;
mod samples;
mod scrape;
mod serving;
mod trips;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;

/// The server's: floor and parts are what it is measured by, so they must not pay for another one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(clap::Parser)]
#[command(about = "Measures Countersign, its parts, and the floor beneath it")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Measures everything in turn (what scripts/bench does)
    Run(run::Args),
    /// Serves the floor: a bare handler that does what cannot be saved
    Floor,
    /// Measures the parts alone and prints their rates as JSON
    Parts {
        /// A directory on the disk that is to be measured
        #[arg(long)]
        data: PathBuf,
        /// The URL of an empty database
        #[arg(long)]
        database: String,
        /// Seconds for each part
        #[arg(long, default_value_t = 1.5)]
        seconds: f64,
    },
    /// Puts many rows into the database of an installation
    Fill(parts::fill::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(args) => run::run(args),
        Command::Floor => floor::run(),
        Command::Parts { data, database, seconds } => {
            parts::run(&data, &database, Duration::from_secs_f64(seconds.clamp(0.1, 600.0)))
        }
        Command::Fill(args) => parts::fill::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::progress(&format!("failed: {failure}"));
            ExitCode::FAILURE
        }
    }
}
