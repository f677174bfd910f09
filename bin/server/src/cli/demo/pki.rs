//! The demo's certificates: an authority of its own, the server's, and five to prove oneself by, or not.

use std::{
    fs,
    path::{Path, PathBuf},
};

use domain::{AltName, PeerCertificate, Timestamp, Ttl};
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

/// What ends a certificate in PEM (RFC 7468 §5).
const END: &str = "-----END CERTIFICATE-----";

/// A file that is there until the tenants know the certificates.
const NEW: &str = "new";

/// All certificates but the one that has expired when it is made.
const MADE: [&str; 6] = ["ca", "server", "client1", "oidc-client", "client1-self-signed", "stranger"];

/// Where the files are: `NAME.pem` and, for all but the authority's, `NAME.key`.
pub(super) struct Pki {
    dir: PathBuf,
}

impl Pki {
    /// The certificates under `data_dir`, made now where there are none. What is there stays as it is: to begin anew, remove
    /// the whole directory `pki`. The tenants then learn of the new ones.
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
        private_file::write_new(
            &unfinished.file(NEW),
            "The demo's tenants do not know these certificates yet.",
        )?;
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

    /// Whether the tenants have yet to learn of them.
    pub(super) fn is_new(&self) -> bool {
        self.file(NEW).exists()
    }

    /// Notes that the tenants know them.
    ///
    /// # Errors
    /// [`CliError`] when that cannot be written.
    pub(super) fn is_registered(&self) -> Result<(), CliError> {
        let file = self.file(NEW);
        match fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(named(&file, &error)),
            _ => Ok(()),
        }
    }

    /// Whether a certificate has expired. One that is not there or does not read has not.
    pub(super) fn has_expired(&self, name: &str, now: Timestamp) -> bool {
        let read = self.text(&format!("{name}.pem")).ok().and_then(|pem| certificate(&pem));
        read.is_some_and(|certificate| certificate.not_after < now)
    }

    /// What to do where certificates have expired; nothing where none has but the one that is meant to.
    pub(super) fn advice(&self, now: Timestamp) -> Option<String> {
        let expired: Vec<String> = MADE
            .into_iter()
            .filter(|name| self.has_expired(name, now))
            .map(|name| self.file(&format!("{name}.pem")).display().to_string())
            .collect();
        (!expired.is_empty()).then(|| {
            let (files, dir) = (expired.join(", "), self.dir.display());
            format!("expired: {files}. Remove {dir} and start again: new ones are made, and the tenants learn of them")
        })
    }

    /// Certificates in PEM but for those of a demo's authority, this one's or an earlier one's.
    pub(super) fn without_own_authority(&self, pem: &str) -> String {
        let own = self.text("ca.pem").ok().and_then(|pem| certificate(&pem)).map(|own| own.subject);
        let of_others = |block: &&str| certificate(block).is_some_and(|one| Some(one.subject) != own);
        let others: Vec<&str> = pem.split_inclusive(END).map(str::trim).filter(of_others).collect();
        others.join("\n")
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

fn certificate(pem: &str) -> Option<PeerCertificate> {
    let der = jose::certificates_from_pem(pem, 1).ok()?;
    jose::peer_certificate(der.first()?, Vec::new()).ok()
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
