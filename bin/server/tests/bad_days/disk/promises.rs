//! What clients have been told, and whether it is true.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::sql;
use crate::support::{Ask as _, Demo, Said, acme_legacy, acme_m2m, http};

/// Whether something was asked for, and whether its success was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Not asked for.
    No,
    /// Asked for, and no answer came, or 503: it may have happened or not.
    Open,
    /// It was told that it happened.
    Told,
}

/// A machine's token.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub(crate) token: String,
    pub(crate) revoked: State,
}

/// A refresh family.
#[derive(Clone, Debug)]
pub(crate) struct Family {
    /// The access tokens that were told.
    pub(crate) access: Vec<String>,
    /// The newest refresh token that was told.
    pub(crate) refresh: String,
    /// When `refresh` was used and the answer never came.
    pub(crate) in_flight: Option<Instant>,
    pub(crate) revoked: State,
}

impl Family {
    pub(crate) fn new(answer: &Value) -> Self {
        let mut family =
            Self { access: Vec::new(), refresh: String::new(), in_flight: None, revoked: State::No };
        family.told(answer);
        family
    }

    /// A refresh was answered.
    pub(crate) fn told(&mut self, answer: &Value) {
        self.access.push(answer["access_token"].as_str().unwrap().to_owned());
        answer["refresh_token"].as_str().unwrap().clone_into(&mut self.refresh);
        self.in_flight = None;
    }
}

/// All that was told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Promises {
    pub(crate) machines: Vec<Machine>,
    pub(crate) families: Vec<Family>,
    /// The ids of the requests that were told of a success which the audit log must know.
    pub(crate) requests: Vec<String>,
    /// How many requests got 503.
    pub(crate) refused: usize,
    /// How many requests got no answer, for the server had gone.
    pub(crate) unanswered: usize,
}

impl Promises {
    pub(crate) fn merge(&mut self, other: Self) {
        self.machines.extend(other.machines);
        self.families.extend(other.families);
        self.requests.extend(other.requests);
        self.refused += other.refused;
        self.unanswered += other.unanswered;
    }

    /// Takes over what has been checked already, to be checked again: where it is much, the newest, and every fourth of the
    /// others. Of all that was told the requests stay, which the audit log has to know, and its rows are counted against the
    /// tokens.
    pub(crate) fn merge_checked(&mut self, mut other: Self) {
        thin_out(&mut other.machines, 180);
        thin_out(&mut other.families, 36);
        self.merge(other);
    }

    /// So many of each kind were told: tokens of machines, tokens of users, revocations; and so many are open.
    pub(crate) fn figures(&self) -> [usize; 4] {
        let states = || {
            let machines = self.machines.iter().map(|machine| machine.revoked);
            machines.chain(self.families.iter().map(|family| family.revoked))
        };
        let open = self.families.iter().filter(|family| family.in_flight.is_some()).count();
        [
            self.machines.len(),
            self.families.iter().map(|family| family.access.len()).sum(),
            states().filter(|state| *state == State::Told).count(),
            states().filter(|state| *state == State::Open).count() + open,
        ]
    }

    /// What is not true of it. Living refresh tokens are used, and replaced here.
    pub(crate) fn broken(&mut self, demo: &Demo, data: &Path) -> Vec<String> {
        self.broken_at(&demo.acme(""), |told| sql::problems(&data.join(super::DATABASE), told))
    }

    /// The same for the tenant at a URL, given how to find what is wrong with its database, a line each: no request that was
    /// told of a success may be missing there.
    fn broken_at(&mut self, url: &str, problems: impl FnOnce(&[String]) -> String) -> Vec<String> {
        let mut broken = Vec::new();
        // First those whose answer was lost: the same one can be had again for ten seconds.
        let mut families = std::mem::take(&mut self.families);
        families.retain_mut(|family| check_lost_answer(url, family, &mut broken));
        self.families = families;
        let problems = problems(&self.requests);
        broken.extend(each(&mut self.families, |family, broken| check_family(url, family, broken)));
        broken.extend(each(&mut self.machines, |machine, broken| check_machine(url, machine, broken)));
        broken.extend(problems.lines().map(str::to_owned));
        broken
    }

    /// Expects all of it to be true.
    #[track_caller]
    pub(crate) fn assert_kept(&mut self, demo: &Demo, data: &Path) {
        self.assert_kept_at(&demo.acme(""), |told| sql::problems(&data.join(super::DATABASE), told));
    }

    /// The same for the tenant at a URL.
    #[track_caller]
    pub(crate) fn assert_kept_at(&mut self, url: &str, problems: impl FnOnce(&[String]) -> String) {
        let begun = Instant::now();
        let broken = self.broken_at(url, problems);
        println!("{:?} checked in {:?}", self.figures(), begun.elapsed());
        self.assert_none(&broken);
    }

    #[track_caller]
    fn assert_none(&self, broken: &[String]) {
        assert!(broken.is_empty(), "{} of {:?}: {broken:#?}", broken.len(), self.figures());
    }
}

/// Leaves the last ones, so many, and every fourth before them.
fn thin_out<T>(all: &mut Vec<T>, last: usize) {
    let (mut number, newest) = (0, all.len().saturating_sub(last));
    all.retain(|_| {
        number += 1;
        number > newest || number % 4 == 0
    });
}

/// Whether a family is still to be checked: it is not where the answer was lost for so long that its reuse has ended the
/// family (DECISIONS 3.4), as it may on a machine that is very slow.
fn check_lost_answer(url: &str, family: &mut Family, broken: &mut Vec<String>) -> bool {
    let Some(since) = family.in_flight else { return true };
    let said = refresh(url, &family.refresh);
    if said.status == 200 {
        family.told(&said.json());
        return true;
    }
    if since.elapsed() < Duration::from_secs(9) {
        broken.push(format!("the refresh token of {family:?}, whose answer was lost: {said:?}"));
    }
    false
}

/// Looks at all of them, several at a time; what is broken.
fn each<T: Send>(all: &mut [T], look: impl Fn(&mut T, &mut Vec<String>) + Sync) -> Vec<String> {
    let (look, share) = (&look, all.len().div_ceil(4).max(1));
    std::thread::scope(|scope| {
        let parts = all.chunks_mut(share).map(|part| {
            scope.spawn(move || {
                let mut broken = Vec::new();
                for one in part {
                    look(one, &mut broken);
                }
                broken
            })
        });
        let parts: Vec<_> = parts.collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    })
}

fn check_machine(url: &str, machine: &Machine, broken: &mut Vec<String>) {
    let wanted = match machine.revoked {
        State::No => true,
        State::Told => false,
        State::Open => return,
    };
    if is_active(url, &machine.token) != wanted {
        broken.push(format!("a machine's token: {machine:?}"));
    }
}

fn check_family(url: &str, family: &mut Family, broken: &mut Vec<String>) {
    let lives = match family.revoked {
        State::No => true,
        State::Told => false,
        // Either way, but wholly.
        State::Open => is_active(url, &family.access[0]),
    };
    for token in &family.access {
        if is_active(url, token) != lives {
            broken.push(format!("an access token of {family:?}"));
        }
    }
    let said = refresh(url, &family.refresh);
    if lives && said.status == 200 {
        family.told(&said.json());
        // Its successor works as well; the family then lives on with that one's.
        let next = refresh(url, &family.refresh);
        if next.status == 200 {
            family.told(&next.json());
        } else {
            broken.push(format!("the successor of the refresh token of {family:?}: {next:?}"));
        }
    } else if lives || said.error() != (400, "invalid_grant".to_owned()) {
        broken.push(format!("the refresh token of {family:?}: {said:?}"));
    }
}

fn is_active(url: &str, token: &str) -> bool {
    let said = acme_m2m(http_once().post(format!("{url}introspect"))).form(&[("token", token)]).said();
    said.status == 200 && said.json()["active"] == true
}

fn refresh(url: &str, token: &str) -> Said {
    let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
    acme_legacy(http_once().post(format!("{url}token"))).form(&form).said()
}

/// One client for all of a test's questions: making one takes longer than asking.
fn http_once() -> &'static reqwest::blocking::Client {
    static CLIENT: std::sync::OnceLock<reqwest::blocking::Client> = std::sync::OnceLock::new();
    CLIENT.get_or_init(http)
}
