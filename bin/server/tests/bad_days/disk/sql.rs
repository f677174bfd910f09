//! Another process at the database: Python's SQLite, which is not the server's own.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
};

/// Problems, one a line. The last rows are counted while nobody writes.
const CHECK: &str = r#"
import sqlite3, sys
db = sqlite3.connect(f"file:{sys.argv[1]}?mode=rw", uri=True, timeout=30)
def one(sql): return db.execute(sql).fetchone()[0]
def none(what, sql):
    found = db.execute(sql).fetchall()
    if found: print(what, found[:3], len(found))
none("integrity", "SELECT * FROM pragma_integrity_check WHERE integrity_check <> 'ok'")
none("foreign keys", "SELECT * FROM pragma_foreign_key_check")
none("a session without its family", """SELECT hex(locator) FROM sessions s WHERE family IS NOT NULL AND NOT EXISTS
  (SELECT 1 FROM refresh_families f WHERE f.tenant_id = s.tenant_id AND f.locator = s.family)""")
none("a family without its token", """SELECT hex(locator) FROM refresh_families f WHERE NOT EXISTS
  (SELECT 1 FROM refresh_tokens t WHERE t.tenant_id = f.tenant_id AND t.locator = f.current AND t.family = f.locator)""")
none("an ended family with a session", """SELECT hex(f.locator) FROM refresh_families f JOIN sessions s
  ON s.tenant_id = f.tenant_id AND s.family = f.locator WHERE f.ended IS NOT NULL""")
told = {line.strip() for line in sys.stdin if line.strip()}
logged = {row[0] for row in db.execute("SELECT request_id FROM audit_log")}
if told - logged: print("told, but not in the audit log:", len(told - logged), sorted(told - logged)[:3])
machines = one("SELECT count(*) FROM audit_log WHERE kind = 'token' AND client_id = 'acme-m2m'")
revoked = one("""SELECT count(DISTINCT detail) FROM audit_log WHERE kind = 'revocation' AND client_id = 'acme-m2m'
  AND detail LIKE 'access_token %'""")
sessions = one("SELECT count(*) FROM sessions WHERE client_id = 'acme-m2m'")
if machines - revoked != sessions:
    print(f"{machines} tokens of the machine in the audit log, {revoked} revoked, but {sessions} sessions")
"#;

/// Holds the write lock from "held" until its input ends.
const HOLD: &str = r#"
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
db.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
db.execute("ROLLBACK")
"#;

/// Runs statements.
pub(crate) fn run(database: &Path, sql: &str) {
    let script =
        "import sqlite3, sys\nsqlite3.connect(sys.argv[1], timeout=30).executescript(sys.stdin.read())";
    let mut child = python(script, database);
    child.stdin.take().unwrap().write_all(sql.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{sql}");
}

fn python(script: &str, database: &Path) -> Child {
    Command::new("python3")
        .args(["-c", script])
        .arg(database)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3, which scripts/test installs")
}

/// What is wrong with a database, given the ids of requests of which an answer was told.
pub(crate) fn problems(database: &Path, told: &[String]) -> String {
    let mut child = python(CHECK, database);
    let mut input = child.stdin.take().unwrap();
    for id in told {
        writeln!(input, "{id}").unwrap();
    }
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Another process's write lock, held until this is dropped.
pub(crate) struct Lock {
    child: Child,
    input: Option<ChildStdin>,
}

impl Lock {
    pub(crate) fn hold(database: &Path) -> Self {
        let mut child = python(HOLD, database);
        let input = child.stdin.take();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "held");
        Self { child, input }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        drop(self.input.take());
        drop(self.child.wait());
    }
}
