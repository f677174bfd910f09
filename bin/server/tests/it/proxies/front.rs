//! A proxy that really runs, on the files of `fixtures/proxies`.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use jose::pki::Issued;

use crate::support::wait_for;

/// Which one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Program {
    Nginx,
    Haproxy,
}

/// It, until it is dropped.
pub(super) struct Front {
    child: Child,
    pub(super) address: SocketAddr,
}

impl Front {
    /// Starts it on a free port in front of `backend`. `None`, and a word about it, where it is not installed; a failure
    /// where `scripts/test` has installed it.
    pub(super) fn start(
        program: Program,
        dir: &Path,
        backend: &str,
        ca: &Issued,
        server: &Issued,
    ) -> Option<Self> {
        let name = match program {
            Program::Nginx => "nginx",
            Program::Haproxy => "haproxy",
        };
        let Some(path) = installed(name) else {
            assert!(std::env::var_os("COUNTERSIGN_REQUIRE_PROXIES").is_none(), "{name} is not installed");
            println!("not tested: {name} is not installed");
            return None;
        };
        let (pem, key) = (server.certificate_pem().unwrap(), server.key_pem().unwrap());
        std::fs::write(dir.join("fullchain.pem"), &pem).unwrap();
        std::fs::write(dir.join("key.pem"), key.expose()).unwrap();
        std::fs::write(dir.join("tls.pem"), format!("{pem}{}", key.expose())).unwrap();
        std::fs::write(dir.join("ca.pem"), ca.certificate_pem().unwrap()).unwrap();
        // A port that is free now may be taken before the proxy has it.
        (0..5)
            .find_map(|_attempt| Self::attempt(program, &path, dir, backend))
            .or_else(|| panic!("{name} starts"))
    }

    fn attempt(program: Program, path: &Path, dir: &Path, backend: &str) -> Option<Self> {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let file = dir.join("proxy.conf");
        std::fs::write(&file, configured(program, dir, backend, address)).unwrap();
        let mut command = Command::new(path);
        match program {
            Program::Nginx => command.args(["-e", "stderr", "-p"]).arg(dir).arg("-c").arg(&file),
            Program::Haproxy => command.args(["-db", "-f"]).arg(&file),
        };
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let up = wait_for(Duration::from_secs(20), || {
            let ended = child.try_wait().unwrap().is_some();
            (ended || TcpStream::connect(address).is_ok()).then_some(!ended)
        });
        (up == Some(true)).then_some(Self { child, address })
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        // Both end their workers on SIGTERM.
        let id = rustix::process::Pid::from_child(&self.child);
        if rustix::process::kill_process(id, rustix::process::Signal::TERM).is_ok() {
            drop(self.child.wait());
        }
    }
}

fn installed(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Debian keeps them where only the administrator's PATH leads.
    let places = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    places.map(|place| place.join(name)).find(|path| path.is_file())
}

/// The recipe with this test's addresses and files, and nothing else changed.
fn configured(program: Program, dir: &Path, backend: &str, address: SocketAddr) -> String {
    let dir = dir.display();
    let replace = |mut text: String, pairs: &[(&str, String)]| {
        for (from, to) in pairs {
            assert!(text.contains(from), "the recipe has {from:?}");
            text = text.replace(from, to);
        }
        text
    };
    match program {
        Program::Nginx => {
            let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                .map(|kind| format!("{kind}_temp_path {dir}/{kind};\n"))
                .concat();
            let text = include_str!("../../../../../fixtures/proxies/nginx.conf").to_owned();
            replace(
                text,
                &[
                    ("events {}", format!("daemon off;\npid {dir}/nginx.pid;\nevents {{}}")),
                    ("http {", format!("http {{\naccess_log off;\n{temporary}")),
                    ("listen 443 ssl;", format!("listen {address} ssl;")),
                    ("/etc/nginx/tls/", format!("{dir}/")),
                    ("http://127.0.0.1:8080", format!("http://{backend}")),
                ],
            )
        }
        Program::Haproxy => replace(
            include_str!("../../../../../fixtures/proxies/haproxy.cfg").to_owned(),
            &[
                ("bind :443 ssl", format!("bind {address} ssl")),
                ("/etc/haproxy/", format!("{dir}/")),
                ("127.0.0.1:8080", backend.to_owned()),
            ],
        ),
    }
}
