//! What the parts promise of the whole.

use crate::cases::Host;
use crate::samples::{Samples, by_run};

/// How the time of one request is made up.
pub(crate) struct Formula {
    /// The whole.
    pub(crate) name: &'static str,
    /// The case of the floor.
    pub(crate) floor: &'static str,
    /// The parts besides.
    pub(crate) parts: &'static [&'static str],
}

/// One for each whole.
pub(crate) const FORMULAS: [Formula; 11] = [
    Formula { name: "client_credentials", floor: "client_credentials", parts: &["commit two rows"] },
    Formula { name: "introspect", floor: "introspect", parts: &["read a session"] },
    Formula {
        name: "refresh_token",
        floor: "client_credentials",
        parts: &["read a refresh token", "read a user", "commit a refresh"],
    },
    Formula {
        name: "userinfo",
        floor: "introspect",
        parts: &["read a session", "read a user", "sign RS256"],
    },
    Formula {
        name: "password",
        floor: "client_credentials",
        parts: &["read a user by name", "read an authenticator", "check a hash of 8 KiB", "commit a log-in"],
    },
    Formula { name: "dpop", floor: "client_credentials", parts: &["verify ES256", "commit three rows"] },
    Formula {
        name: "jwt_access_token",
        floor: "client_credentials",
        parts: &["sign ES256", "commit one row"],
    },
    Formula {
        name: "private_key_jwt RS256",
        floor: "client_credentials",
        parts: &["verify RS256", "commit three rows"],
    },
    Formula {
        name: "private_key_jwt ES256",
        floor: "client_credentials",
        parts: &["verify ES256", "commit three rows"],
    },
    Formula { name: "discovery", floor: "discovery", parts: &[] },
    Formula { name: "jwks", floor: "jwks", parts: &[] },
];

impl Formula {
    /// The formula of a whole.
    pub(crate) fn of(name: &str) -> Option<&'static Self> {
        FORMULAS.iter().find(|formula| formula.name == name)
    }

    /// Requests per second if nothing came on top of floor and parts, as one run has them.
    fn promised_of(&self, samples: &Samples, run: usize) -> Option<f64> {
        let mut time = samples.case_of(Host::Floor, self.floor, run)?.recip();
        for part in self.parts {
            time += samples.part_of(part, run)?.recip();
        }
        Some(time.recip())
    }

    /// The median of what the runs promise.
    pub(crate) fn promised(&self, samples: &Samples) -> Option<f64> {
        by_run(|run| self.promised_of(samples, run))
    }

    /// In words.
    pub(crate) fn words(&self) -> String {
        let floor = format!("floor ({})", self.floor);
        std::iter::once(floor)
            .chain(self.parts.iter().map(|part| (*part).to_owned()))
            .collect::<Vec<_>>()
            .join(" + ")
    }
}

/// Measured ÷ promised, run by run; the median.
pub(crate) fn efficiency(samples: &Samples, name: &str) -> Option<f64> {
    let formula = Formula::of(name)?;
    by_run(|run| Some(samples.case_of(Host::Countersign, name, run)? / formula.promised_of(samples, run)?))
}

/// Countersign's rate in those of `oidc-provider`, run by run; the median.
pub(crate) fn over_peer(samples: &Samples, name: &str) -> Option<f64> {
    by_run(|run| {
        Some(
            samples.case_of(Host::Countersign, name, run)?
                / samples.case_of(Host::OidcProvider, name, run)?,
        )
    })
}

/// The rate of one case as a share of another's, both Countersign's, run by run; the median.
pub(crate) fn over_case(samples: &Samples, name: &str, other: &str) -> Option<f64> {
    let rate = |name, run| samples.case_of(Host::Countersign, name, run);
    by_run(|run| Some(rate(name, run)? / rate(other, run)?))
}

/// Countersign's rate as a share of a part's, run by run; the median.
pub(crate) fn over_part(samples: &Samples, name: &str, part: &str) -> Option<f64> {
    by_run(|run| Some(samples.case_of(Host::Countersign, name, run)? / samples.part_of(part, run)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Observed;

    #[test]
    fn efficiency_adds_the_times_of_floor_and_parts() {
        let mut samples = Samples::default();
        let mut see = |host, rate| {
            let seen = samples.case_mut(host, "introspect").unwrap();
            seen.full.push(Observed { per_second: rate, ..Observed::default() });
        };
        see(Host::Floor, 20_000.0);
        see(Host::Countersign, 5_000.0);
        samples.part("read a session", 20_000.0);
        assert!((efficiency(&samples, "introspect").unwrap() - 0.5).abs() < 1e-9);
        assert!(efficiency(&samples, "userinfo").is_none());
    }
}
