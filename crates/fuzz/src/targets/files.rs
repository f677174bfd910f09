//! Files that an operator writes.

use std::sync::LazyLock;

use countersign_server::config::RawConfig;
use countersign_server::tenant_file::outside;
use domain::{Secret, Timestamp};
use jose::MasterKey;

use super::{parts, text};

/// The configuration: what reads writes, and reads back the same; complaints quote no value.
pub fn config(bytes: &[u8]) {
    let given = text(bytes);
    match RawConfig::from_text(&given) {
        Ok(raw) => {
            let written = toml::to_string(&raw);
            let Ok(written) = written else { return }; // A number beyond TOML's.
            let again = RawConfig::from_text(&written).expect("what was written reads");
            assert_eq!(toml::to_string(&again).expect("it writes again"), written);
            let shown = toml::to_string(&raw.clone().redacted()).expect("the redacted one writes");
            if let Some(key) = &raw.security.master_key {
                assert!(key.len() < 12 || written.matches(key.as_str()).count() > 1 || !shown.contains(key));
            }
            let _checked = countersign_server::config::Config::check(raw);
        }
        Err(error) => {
            let said = error.to_string();
            assert!(
                !hidden(&given, &["= \"hunter2"]) || !said.contains("hunter2"),
                "a value is quoted: {said}"
            );
        }
    }
}

/// Whether a text has `hunter2` and has it only behind one of these words: then it is a value, and nothing else.
fn hidden(text: &str, behind: &[&str]) -> bool {
    let all = text.matches("hunter2").count();
    let values: usize = behind.iter().map(|words| text.matches(words).count()).sum();
    all > 0 && all == values && !text.contains(['\\', '\''])
}

/// What stands behind these is a secret of a tenant file.
const SECRETS: [&str; 2] = ["secret = \"hunter2", "password = \"hunter2"];

/// The URL of a database, as it is printed: no password in it, wherever the driver would look for one.
pub fn database_url(bytes: &[u8]) {
    let [before, after, query] = parts(bytes).map(text);
    let user = before.split(['/', '?', '@']).next().unwrap_or_default();
    let rest = after.split(['/', '?', '@']).next().unwrap_or_default();
    let urls = [
        format!("postgres://{user}:hunter2{rest}@host/name?{query}"),
        format!("postgres://{user}:{rest}hunter2@host/name?{query}"),
        format!("postgres://user@host/name?{query}&password=hunter2"),
        format!("postgres://user@host/name?password=hunter2&{query}"),
    ];
    for url in urls {
        // A URL's tabs and line ends are dropped (WHATWG URL §4.4).
        let plain = |text: &str| text.replace(['\t', '\n', '\r'], "").contains("hunter2");
        if plain(&query) || plain(user) {
            return;
        }
        let mut raw = RawConfig::default();
        raw.database.url.clone_from(&url);
        let shown = raw.redacted().database.url;
        assert!(!shown.contains("hunter2"), "{url} is shown as {shown}");
    }
}

/// A redirect URI that may be registered.
pub fn redirect_uri(bytes: &[u8]) {
    let given = text(bytes);
    if outside::redirect_uri(&given).is_err() {
        return;
    }
    assert!(given.len() <= 2048 && !given.contains(['#', '*', ' ', '\n', '\0']));
    let url = url::Url::parse(&given).expect("an absolute URI");
    assert!(!["javascript", "data", "file", "blob"].contains(&url.scheme()));
    if url.scheme() == "http" {
        let host = url.host_str().unwrap_or_default();
        let loopback = host == "localhost" || host == "[::1]" || host.starts_with("127.");
        assert!(loopback, "{given}");
    }
    assert!(
        !["http", "https"].contains(&url.scheme()) || url.username().is_empty() && url.password().is_none()
    );
}

/// The form of a tenant file: it writes and reads back the same.
pub fn tenant_file(bytes: &[u8]) {
    let given = text(bytes);
    match outside::document(&given) {
        Ok(written) => assert_eq!(outside::document(&written).expect("what was written reads"), written),
        Err(error) => {
            let said = error.to_string();
            assert!(!hidden(&given, &SECRETS) || !said.contains("hunter2"), "a secret is quoted: {said}");
        }
    }
}

/// The rules about a tenant file's values.
pub fn tenant_meaning(bytes: &[u8]) {
    static MASTER: LazyLock<MasterKey> =
        LazyLock::new(|| MasterKey::parse(&Secret::new("00".repeat(32))).expect("a master key"));
    let given = text(bytes);
    // Those name files of the machine that runs this.
    if given.contains("_file") || given.contains('\\') {
        return;
    }
    if let Err(problems) = outside::meaning(&given, &MASTER, Timestamp::from_secs(1_800_000_000)) {
        assert!(!problems.is_empty());
        let lines = given.lines().count().max(1) + 1;
        for problem in problems {
            assert!((1..=lines).contains(&problem.line), "{problem}");
            let quoted = problem.to_string().contains("hunter2");
            assert!(!hidden(&given, &SECRETS) || !quoted, "a secret is quoted: {problem}");
        }
    }
}
