//! Sessions that a peer would go on with (RFC 8446 §2.2, RFC 5246 §7.3).

use std::{
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use countersign_server::tenant_file::{self, ApplyOptions};

use super::*;
use crate::support::wait_for;

/// A peer that keeps its sessions in a file, as `openssl s_client` does.
struct Peer<'a> {
    bank: &'a Bank,
    version: &'static str,
}

/// What it was told.
struct Told {
    resumed: bool,
    status: u16,
}

impl Peer<'_> {
    fn session(&self) -> PathBuf {
        self.bank.files.path().join(format!("session{}", self.version))
    }

    /// Asks for a token as `client1` on a new connection, with the session of an earlier one if it has one.
    fn ask(&self, certificate: Option<&Issued>) -> Told {
        let session = self.session();
        let mut command = Command::new("openssl");
        command.args(["s_client", "-ign_eof", self.version, "-servername", "localhost", "-connect"]);
        command.arg(self.bank.address.to_string());
        command.arg(if session.exists() { "-sess_in" } else { "-sess_out" }).arg(&session);
        if let Some(issued) = certificate {
            let (pem, key) =
                (self.bank.files.path().join("peer.pem"), self.bank.files.path().join("peer.key"));
            std::fs::write(&pem, issued.certificate_pem().unwrap()).unwrap();
            std::fs::write(&key, issued.key_pem().unwrap().expose()).unwrap();
            command.arg("-cert").arg(pem).arg("-key").arg(key);
        }
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let body = "grant_type=client_credentials&client_id=client1";
        let request = format!(
            "POST {TOKEN} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\
             content-type: application/x-www-form-urlencoded\r\n\r\n{body}",
            body.len()
        );
        child.stdin.as_mut().unwrap().write_all(request.as_bytes()).unwrap();
        let said = String::from_utf8_lossy(&child.wait_with_output().unwrap().stdout).into_owned();
        let resumed = said.contains("\nReused, ");
        assert!(resumed || said.contains("\nNew, "), "{said}");
        let status = said.split_once("HTTP/1.1 ").map_or("", |(_, rest)| rest).get(..3).unwrap_or_default();
        Told { resumed, status: status.parse().unwrap_or_else(|_| panic!("{said}")) }
    }
}

#[test]
fn no_session_of_an_asking_listener_goes_on_nor_outlives_its_authority() {
    for version in ["-tls1_2", "-tls1_3"] {
        let bank = Bank::start();
        let peer = Peer { bank: &bank, version };
        let certificate = bank.client("client1");
        assert_eq!(peer.ask(Some(&certificate)).status, 200, "{version}");
        let again = peer.ask(None);
        assert!(!again.resumed, "{version}");
        assert_eq!(again.status, 401, "{version} a session proves nothing without its certificate");
        let text = tenant(&authority("Other CA").certificate_pem().unwrap());
        tenant_file::apply(&bank.server.setup, &text, ApplyOptions::default()).unwrap();
        let gone = || {
            let told = peer.ask(Some(&certificate));
            assert!(!told.resumed, "{version}");
            (told.status == 401).then_some(())
        };
        wait_for(std::time::Duration::from_secs(10), gone).expect("the session proves nothing any more");
    }
}

#[test]
fn where_nobody_is_asked_sessions_go_on_prove_nothing_and_end_with_the_servers_certificate() {
    for version in ["-tls1_2", "-tls1_3"] {
        let bank = Bank::start_with(AskFor::Never, |_raw| {});
        let peer = Peer { bank: &bank, version };
        let certificate = bank.client("client1");
        assert_eq!(peer.ask(Some(&certificate)).status, 401, "{version} nobody looks at it");
        let again = peer.ask(Some(&certificate));
        assert!(again.resumed, "{version}");
        assert_eq!(again.status, 401, "{version}");
        let next = server_certificate(&bank.ca);
        std::fs::write(bank.files.path().join("server.pem"), next.certificate_pem().unwrap()).unwrap();
        std::fs::write(bank.files.path().join("server.key"), next.key_pem().unwrap().expose()).unwrap();
        // A new handshake, not a broken one.
        wait_for(std::time::Duration::from_secs(20), || (!peer.ask(None).resumed).then_some(()))
            .expect("a new handshake under the new certificate");
    }
}
