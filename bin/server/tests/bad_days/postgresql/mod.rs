//! PostgreSQL's bad days. Each test has a server of its own to stop, kill and hold up.

mod changes;
mod cluster;
mod deadlock;
mod ending;
mod failover;
mod load;
mod locks;
mod network;
mod proxy;
mod stops;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::support::{
    Ask as _, Said, acme_m2m, http,
    serve::{Node, countersign},
    wait_for, wait_until,
};

/// What a busy machine may add to what docs/bad-days.md says.
const BUSY_MACHINE: Duration = Duration::from_millis(1500);

/// `server.answer_timeout_ms`.
const BOUND: Duration = Duration::from_secs(3).saturating_add(BUSY_MACHINE);

/// How soon after its return the database is in use again.
const RECOVERY: Duration = Duration::from_secs(2).saturating_add(BUSY_MACHINE);

/// What a refusal may take when the server knows that the database is away.
const AT_ONCE: Duration = Duration::from_millis(500);

/// An installation over a database, and a node that serves it.
struct Installation {
    node: Node,
    /// Told before anything went wrong.
    token: String,
    _dir: TempDir,
}

impl Installation {
    fn over(url: &str) -> Self {
        Self::over_with(url, &[])
    }

    /// The same with variables.
    fn over_with(url: &str, variables: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        write_config(dir.path(), url);
        countersign(dir.path(), &["init", "--config", "c.toml", "--tenant", "main"]);
        countersign(dir.path(), &["tenant", "apply", "acme.toml", "--config", "c.toml"]);
        let variables = [&[("COUNTERSIGN__LOG__FILTER", "info")], variables].concat();
        let node = Node::start_with(dir.path(), "c.toml", &variables);
        let form = [("grant_type", "client_credentials")];
        let token = acme_m2m(http().post(node.acme("token"))).form(&form).json_ok();
        Self { node, token: token["access_token"].as_str().unwrap().to_owned(), _dir: dir }
    }

    fn management(&self, path: &str) -> Said {
        http().get(format!("{}/{path}", self.node.management)).said()
    }

    /// Waits until readiness is as wanted, for so long from now, and tells what it said.
    #[track_caller]
    fn wait_until_ready_is(&self, wanted: u16, patience: Duration) -> String {
        let ask = http();
        let as_wanted = |left| {
            let said = ask.get(format!("{}/readyz", self.node.management)).said_within(left)?;
            (said.status == wanted).then_some(said.text)
        };
        wait_until(Instant::now() + patience, as_wanted)
            .unwrap_or_else(|| panic!("/readyz is not {wanted} after {patience:?}"))
    }

    /// The process lives, what is remembered is still served, and the operator is told what to do.
    #[track_caller]
    fn tells_of_the_outage(&self) {
        let told = self.wait_until_ready_is(503, BOUND);
        assert!(told.contains("not ready: the database") && told.contains("docs/bad-days.md"), "{told}");
        assert_eq!(self.management("healthz").status, 200);
        assert_eq!(self.management("metrics").status, 200);
        assert_eq!(http().get(self.node.acme("jwks")).said().status, 200, "from memory");
    }

    /// A known outage is answered with 503 at once, issuing and reading alike, but for the few that are let through to see
    /// whether it is over.
    #[track_caller]
    fn refuses_at_once(&self) {
        let ask = http();
        let mut waited = 0;
        for _ in 0..10 {
            for request in [
                acme_m2m(ask.post(self.node.acme("token"))).form(&[("grant_type", "client_credentials")]),
                acme_m2m(ask.post(self.node.acme("introspect"))).form(&[("token", &self.token)]),
            ] {
                let begun = Instant::now();
                let said = request.said();
                let took = begun.elapsed();
                assert_eq!(said.error(), (503, "temporarily_unavailable".into()), "{}", said.text);
                assert_eq!(said.header("retry-after"), "1");
                assert!(took < BOUND, "{took:?}");
                waited += usize::from(took >= AT_ONCE);
            }
        }
        assert!(waited <= 4, "{waited} of 20 waited");
    }

    /// It is ready, and gives tokens, in time from now, when the database has just come back.
    #[track_caller]
    fn recovers(&self) {
        let returned = Instant::now();
        self.wait_until_ready_is(200, RECOVERY);
        let ask = http();
        let issues = |left| {
            let request = acme_m2m(ask.post(self.node.acme("token")));
            let said = request.form(&[("grant_type", "client_credentials")]).said_within(left)?;
            (said.status == 200).then_some(())
        };
        wait_until(returned + RECOVERY, issues).expect("tokens again");
        println!("in use again after {:?}", returned.elapsed());
    }

    #[track_caller]
    fn wait_for_log(&self, words: &str) {
        let told = || self.node.stderr().contains(words).then_some(());
        wait_for(BOUND, told).unwrap_or_else(|| panic!("the log does not say: {words}"));
    }
}

fn write_config(dir: &Path, url: &str) {
    let config = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\npublic_url = \"https://id.example\"\nworkers = 2\n\
         [management]\nlisten = \"127.0.0.1:0\"\n[database]\nurl = \"{url}\"\nmax_connections = 4\n\
         [security]\nmaster_key = \"{}\"\nguess_burst = 100000\n\
         [security.argon2]\nmemory_kib = 512\niterations = 1\n",
        "ab".repeat(32)
    );
    std::fs::write(dir.join("c.toml"), config).unwrap();
    std::fs::write(dir.join("acme.toml"), include_str!("../../../../../fixtures/demo/acme.toml")).unwrap();
}
