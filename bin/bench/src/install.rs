//! An installation of Countersign with the demo's tenants and one of the bench's own.

use std::path::{Path, PathBuf};

use domain::encoding::base64url;
use domain::port::Entropy as _;
use jose::OsEntropy;
use serde_json::Value;

use crate::credentials::Credentials;
use crate::failure::Result;
use crate::serving::{Server, pinned, run};

/// The names and the files of the tenants.
const TENANTS: [(&str, &str); 3] = [
    ("ONLINEBANK", include_str!("../../../fixtures/demo/ONLINEBANK.toml")),
    ("acme", include_str!("../../../fixtures/demo/acme.toml")),
    ("bench", include_str!("tenant.toml")),
];

/// How Argon2id, the buckets against guessing, the bound of waiting and the lag of expiry are set.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    /// Argon2id at its cheapest, so that the rest of a log-in is seen, and buckets wide open: the load is one user who
    /// logs in thousands of times a second.
    Down,
    /// Argon2id as by default; buckets wide open, for the load is one source.
    Hashing,
    /// The same, and what has expired is removed at once instead of an hour later, when a run has long ended.
    Expiring,
    /// All as by default. A proxy on loopback is believed, so that callers can have any address.
    Up,
}

impl Guard {
    fn server(self) -> &'static str {
        // A machine that stops for a tenth of a second would void a run, for what is shed is an error there.
        if self == Self::Up { "trusted_proxies = [\"127.0.0.1/32\"]\n" } else { "max_wait_ms = 2000\n" }
    }

    fn security(self) -> &'static str {
        const OPEN: &str = "guess_burst = 100000000\nguesses_per_minute = 60000\n";
        const CHEAP: &str = "guess_burst = 100000000\nguesses_per_minute = 60000\n\
                             [security.argon2]\nmemory_kib = 8\niterations = 1\n";
        match self {
            Self::Down => CHEAP,
            Self::Hashing | Self::Expiring => OPEN,
            Self::Up => "",
        }
    }

    fn jobs(self) -> &'static str {
        if self == Self::Expiring { "[jobs]\nexpiry_lag = 0\n" } else { "" }
    }
}

/// A configuration, and a database with tenants.
pub(crate) struct Installation {
    program: PathBuf,
    config: PathBuf,
}

impl Installation {
    /// Makes it: the configuration in `folder`, everything else in the empty database at `url`. One worker, and a log
    /// that tells of warnings only.
    ///
    /// # Errors
    /// When the server's program refuses.
    pub(crate) fn make(program: &Path, folder: &Path, url: &str, guard: Guard) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let mut key = [0_u8; 32];
        OsEntropy.fill(&mut key)?;
        let text = format!(
            "{}[server]\nlisten = \"127.0.0.1:0\"\npublic_url = \"http://127.0.0.1:18080\"\nworkers = 1\n{}\
             [management]\nlisten = \"127.0.0.1:0\"\n[log]\nfilter = \"warn\"\n\
             {}[database]\nurl = {}\n[security]\nmaster_key = \"{}\"\n{}",
            guard.jobs(),
            guard.server(),
            listeners(folder)?,
            // A text of JSON is one of TOML.
            Value::from(url),
            base64url(&key),
            guard.security(),
        );
        let installation = Self { program: program.to_owned(), config: folder.join("countersign.toml") };
        std::fs::write(&installation.config, text)?;
        installation.command(&["init"], None)?;
        for (name, text) in TENANTS {
            let file = folder.join(format!("{name}.toml"));
            std::fs::write(&file, with_credentials(text)?)?;
            installation.command(&["tenant", "apply"], Some(&file))?;
        }
        Ok(installation)
    }

    /// Serves it, until what is given is dropped.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn serve(&self) -> Result<Server> {
        let mut command = pinned(&self.program);
        command.args(["serve", "--config"]).arg(&self.config);
        Server::start(command, 2, 2)
    }

    fn command(&self, words: &[&str], file: Option<&Path>) -> Result<()> {
        let mut command = pinned(&self.program);
        command.args(words).arg("--config").arg(&self.config).args(file);
        run(command).map(drop)
    }
}

/// Two that speak TLS: one that asks nobody for a certificate, and one that asks everybody.
fn listeners(folder: &Path) -> Result<String> {
    let server = &Credentials::get()?.server;
    let [certificate, key] = [("server.pem", &server.certificate), ("server.key", &server.key)].map(
        |(name, text)| -> Result<Value> {
            let file = folder.join(name);
            std::fs::write(&file, text)?;
            Ok(Value::from(file.display().to_string()))
        },
    );
    let (certificate, key) = (certificate?, key?);
    Ok(["never", "ask"]
        .map(|whom| {
            format!(
                "[[tls]]\nlisten = \"127.0.0.1:0\"\ncertificate = {certificate}\nprivate_key = {key}\n\
                 client_certificates = \"{whom}\"\n"
            )
        })
        .concat())
}

/// A tenant's file with what this run's clients prove themselves by.
fn with_credentials(text: &str) -> Result<String> {
    let made = Credentials::get()?;
    Ok(text
        .replace("@authority@", &made.authority)
        .replace("@rsa@", &made.rsa_set())
        .replace("@ec@", &made.ec_set()?))
}
