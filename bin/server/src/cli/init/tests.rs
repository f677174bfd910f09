use std::{fs, os::unix::fs::PermissionsExt as _};

use clap::Parser;
use domain::{machine_secret, port::ClientLookup as _};

use super::*;
use crate::cli::{ConfigArg, config_cmd, migrate};

#[derive(Debug, Parser)]
struct Line<T: clap::Args> {
    #[command(flatten)]
    args: T,
}

fn parsed<T: clap::Args>(args: &[&str]) -> T {
    Line::<T>::try_parse_from([&["countersign"], args].concat()).unwrap().args
}

fn init(args: &[&str]) -> Result<Vec<String>, String> {
    run(parsed::<Args>(args)).map_err(|error| error.to_string())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn makes_an_installation_that_others_cannot_read_and_shows_the_secret_once() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("data \"here\"");
    let lines =
        init(&["--data-dir", dir.to_str().unwrap(), "--tenant", "first", "--client", "boss"]).unwrap();
    let secret =
        lines.iter().find_map(|line| line.strip_prefix("secret of client boss, shown once: ")).unwrap();
    assert!(machine_secret::recognise(secret));
    assert_eq!(mode(&dir), 0o700);
    for name in ["master.key", "countersign.toml", "countersign.sqlite3"] {
        assert_eq!(mode(&dir.join(name)), 0o600, "{name}");
    }
    let config: ConfigArg = parsed(&["--config", dir.join("countersign.toml").to_str().unwrap()]);
    let setup = config.open().unwrap();
    let tenant = setup.database.system().tenants().unwrap().remove(0);
    assert_eq!(tenant.name.as_str(), "first");
    let client = setup.database.tenant(tenant.id).client(&ClientId::parse("boss").unwrap()).unwrap().unwrap();
    assert!(client.client.roles.contains("RL_ORGADMIN") && client.client.may("introspect"));
    assert_eq!(migrate::run(&config.read().unwrap()).unwrap(), ["= the schema is current"]);
    let checked = config_cmd::run(config_cmd::Command::Check(config.clone())).unwrap();
    assert_eq!(checked, ["the configuration can be used"]);
    let printed = config_cmd::run(config_cmd::Command::Print(config)).unwrap().join("\n");
    assert!(printed.contains("memory_kib") && !printed.contains(secret));
}

#[test]
fn leaves_alone_what_exists() {
    let dir = tempfile::tempdir().unwrap();
    let (path, config) = (dir.path().to_str().unwrap(), dir.path().join("countersign.toml"));
    init(&["--data-dir", path]).unwrap();
    let key = fs::read(dir.path().join("master.key")).unwrap();
    let again = init(&["--data-dir", path]).unwrap_err();
    assert!(again.contains("there is an installation already"), "{again}");
    let again = init(&["--config", config.to_str().unwrap(), "--tenant", "other"]).unwrap_err();
    assert!(again.contains("has tenants already (main"), "{again}");
    assert_eq!(fs::read(dir.path().join("master.key")).unwrap(), key);
}

#[test]
fn a_configuration_of_ones_own_is_filled() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("own.toml");
    let text = format!(
        "[database]\nurl = \"sqlite:{}\"\n[security]\nmaster_key = \"{}\"",
        dir.path().join("db.sqlite3").display(),
        "0b".repeat(32)
    );
    fs::write(&config, text).unwrap();
    let arg: ConfigArg = parsed(&["--config", config.to_str().unwrap()]);
    let missing = migrate::run(&arg.read().unwrap()).unwrap_err().to_string();
    assert!(missing.contains("there is no database file"), "{missing}");
    let lines = init(&["--config", config.to_str().unwrap(), "--profile", "hid"]).unwrap();
    assert!(lines.contains(&"+ client admin".to_owned()), "{lines:?}");
    assert!(!dir.path().join("master.key").exists());
    let printed = config_cmd::run(config_cmd::Command::Print(arg)).unwrap().join("\n");
    assert!(printed.contains("(redacted)") && !printed.contains("0b0b"), "{printed}");
}

#[test]
fn nothing_is_made_before_everything_has_been_checked() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("data");
    let error =
        init(&["--data-dir", dir.to_str().unwrap(), "--public-url", "http://id.example"]).unwrap_err();
    assert!(error.contains("server.public_url: must begin with https://"), "{error}");
    assert!(!dir.exists());
    for bad in [&["--tenant", "a b"], &["--client", ""], &["--profile", "fapi9"], &["--config", "x"]] {
        let line = [&["countersign", "--data-dir", "d"], bad.as_slice()].concat();
        assert!(Line::<Args>::try_parse_from(line).is_err(), "{bad:?}");
    }
    assert!(Line::<Args>::try_parse_from(["countersign"]).is_err());
}
