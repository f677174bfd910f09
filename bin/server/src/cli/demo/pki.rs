//! The demo's certificates: an authority of its own, the server's, and five to prove oneself by, or not.

use std::{
    fs,
    path::{Path, PathBuf},
};

use domain::{AltName, Timestamp, Ttl};
use jose::{
    OsEntropy,
    pki::{Issued, Purpose, Wanted},
};

use super::super::{CliError, private_file};

/// `O` and `CN` of `client1`'s certificates.
const CLIENT1: [(&str, &str); 2] = [("O", "Countersign demo"), ("CN", "client1")];

/// The subject that `client1` is registered by.
pub(super) const CLIENT1_DN: &str = "CN=client1,O=Countersign demo";

/// `O` and `CN` of `oidc-client`'s certificate.
const OIDC_CLIENT: [(&str, &str); 2] = [("O", "Countersign demo"), ("CN", "oidc-client")];

/// The subject that `oidc-client` is registered by.
pub(super) const OIDC_CLIENT_DN: &str = "CN=oidc-client,O=Countersign demo";

/// A client's certificate lasts a year, and the demo's others ten.
const YEAR: Ttl = Ttl::from_days(365);
const DECADE: Ttl = Ttl::from_days(3653);

/// Where the files are: `NAME.pem` and, for all but the authority's, `NAME.key`.
pub(super) struct Pki {
    dir: PathBuf,
}

impl Pki {
    /// The certificates under `data_dir`, made now where there are none. What is there stays as it is: to begin anew, remove
    /// the whole directory.
    ///
    /// # Errors
    /// [`CliError`] when a file cannot be written, or some are missing.
    pub(super) fn open(data_dir: &Path, now: Timestamp) -> Result<Self, CliError> {
        let pki = Self { dir: data_dir.join("pki") };
        if pki.dir.exists() {
            for name in ["ca.pem", "server.pem", "server.key", "client1.pem", "client1-self-signed.pem"] {
                let file = pki.dir.join(name);
                if !file.exists() {
                    let text = format!(
                        "{} is missing: put it back, or remove {} and let the demo make new ones",
                        file.display(),
                        pki.dir.display()
                    );
                    return Err(CliError::Other(text));
                }
            }
            return Ok(pki);
        }
        // Whole or not at all.
        let unfinished = Self { dir: data_dir.join("pki.new") };
        if unfinished.dir.exists() {
            fs::remove_dir_all(&unfinished.dir).map_err(|error| named(&unfinished.dir, &error))?;
        }
        private_file::directory(&unfinished.dir)?;
        unfinished.make(now)?;
        fs::rename(&unfinished.dir, &pki.dir).map_err(|error| named(&pki.dir, &error))?;
        Ok(pki)
    }

    /// The path of a file.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// A file's text.
    ///
    /// # Errors
    /// [`CliError`] when it cannot be read.
    pub(super) fn text(&self, name: &str) -> Result<String, CliError> {
        let file = self.file(name);
        fs::read_to_string(&file).map_err(|error| named(&file, &error))
    }

    /// A certificate as a JWK with its chain of one (RFC 7517 §4.7).
    ///
    /// # Errors
    /// [`CliError`] when it does not read.
    pub(super) fn registration(&self, name: &str) -> Result<serde_json::Value, CliError> {
        let file = format!("{name}.pem");
        jose::pki::certificate_jwk(&self.text(&file)?, name)
            .ok_or_else(|| CliError::Other(format!("{} holds no certificate", self.file(&file).display())))
    }

    fn make(&self, now: Timestamp) -> Result<(), CliError> {
        // Clocks are not all the same.
        let from = now.minus(Ttl::from_secs(3600));
        let (year, decade) = ((from, now.plus(YEAR)), (from, now.plus(DECADE)));
        let root =
            |name| issued(&[("O", "Countersign demo"), ("CN", name)], Purpose::Authority(None), decade, None);
        let ca = root("Countersign demo CA")?;
        let unknown = root("A stranger's CA")?;
        let names = [
            AltName::Dns("localhost".to_owned()),
            AltName::Ip([127, 0, 0, 1].into()),
            AltName::Ip(std::net::Ipv6Addr::LOCALHOST.into()),
        ];
        let subject = [("CN", "localhost")];
        let wanted = Wanted {
            subject: &subject,
            alt_names: &names,
            dates: decade,
            purpose: Purpose::Server,
            ocsp_responder: None,
        };
        self.write("server", &Issued::make(&wanted, Some(&ca), &OsEntropy)?)?;
        self.write("client1", &issued(&CLIENT1, Purpose::Client, year, Some(&ca))?)?;
        self.write("oidc-client", &issued(&OIDC_CLIENT, Purpose::Client, year, Some(&ca))?)?;
        self.write("client1-self-signed", &issued(&CLIENT1, Purpose::Client, year, None)?)?;
        self.write("stranger", &issued(&CLIENT1, Purpose::Client, year, Some(&unknown))?)?;
        let past = (now.minus(YEAR), now.minus(Ttl::from_days(1)));
        self.write("expired", &issued(&CLIENT1, Purpose::Client, past, Some(&ca))?)?;
        // Its key is forgotten: nobody else gets a certificate of this authority.
        private_file::write_new(&self.file("ca.pem"), ca.certificate_pem()?.trim_end())?;
        Ok(())
    }

    fn write(&self, name: &str, issued: &Issued) -> Result<(), CliError> {
        private_file::write_new(&self.file(&format!("{name}.pem")), issued.certificate_pem()?.trim_end())?;
        private_file::write_new(&self.file(&format!("{name}.key")), issued.key_pem()?.expose().trim_end())?;
        Ok(())
    }
}

fn issued(
    subject: &[(&str, &str)],
    purpose: Purpose,
    dates: (Timestamp, Timestamp),
    issuer: Option<&Issued>,
) -> Result<Issued, CliError> {
    Ok(Issued::make(
        &Wanted { subject, alt_names: &[], dates, purpose, ocsp_responder: None },
        issuer,
        &OsEntropy,
    )?)
}

fn named(path: &Path, error: &std::io::Error) -> CliError {
    CliError::Other(format!("{}: {error}", path.display()))
}
