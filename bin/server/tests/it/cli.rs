//! The command line, by its exit codes and words.

use std::{
    path::Path,
    process::{Command, Output},
};

fn countersign(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(args)
        .current_dir(dir)
        .env("COUNTERSIGN__SECURITY__ARGON2__MEMORY_KIB", "512")
        .env("COUNTERSIGN__SECURITY__ARGON2__ITERATIONS", "1")
        .output()
        .unwrap()
}

fn out(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[track_caller]
fn ok(dir: &Path, args: &[&str]) -> String {
    let output = countersign(dir, args);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", out(&output));
    out(&output)
}

#[test]
fn a_new_installation_is_made_once_and_serves() {
    let dir = tempfile::tempdir().unwrap();
    let said = ok(dir.path(), &["init", "--data-dir", "data", "--tenant", "bank", "--profile", "hid"]);
    assert!(said.contains("csk_"), "the administrator's secret is shown once: {said}");
    let again = countersign(dir.path(), &["init", "--data-dir", "data"]);
    assert_ne!(again.status.code(), Some(0));
    ok(dir.path(), &["config", "check", "--config", "data/countersign.toml"]);
    let printed = ok(dir.path(), &["config", "print", "--config", "data/countersign.toml"]);
    let key = std::fs::read_to_string(dir.path().join("data/master.key")).unwrap();
    assert!(!printed.contains(key.trim()));
    let keys = ok(dir.path(), &["keys", "list", "--tenant", "bank", "--config", "data/countersign.toml"]);
    assert!(keys.contains("RS256") && keys.contains("active"), "{keys}");
    ok(dir.path(), &["keys", "rotate", "--tenant", "bank", "--config", "data/countersign.toml"]);
    let keys = ok(dir.path(), &["keys", "list", "--tenant", "bank", "--config", "data/countersign.toml"]);
    assert!(keys.contains("pre-published"), "{keys}");
    let audit = ok(dir.path(), &["audit", "--tenant", "bank", "--config", "data/countersign.toml"]);
    assert!(audit.contains("key_change"), "{audit}");
}

#[test]
fn tenant_files_are_applied_idempotently_and_exported_losslessly() {
    let dir = tempfile::tempdir().unwrap();
    let config = ["--config", "data/countersign.toml"];
    ok(dir.path(), &["init", "--data-dir", "data", "--tenant", "bank"]);
    let file = dir.path().join("acme.toml");
    std::fs::write(&file, include_str!("../../../../fixtures/demo/acme.toml")).unwrap();
    let dry = ok(dir.path(), &["tenant", "apply", "acme.toml", "--dry-run", config[0], config[1]]);
    assert!(dry.contains("+ client acme-web"), "{dry}");
    let first = ok(dir.path(), &["tenant", "apply", "acme.toml", config[0], config[1]]);
    assert!(first.contains("+ client acme-web"), "{first}");
    let second = ok(dir.path(), &["tenant", "apply", "acme.toml", config[0], config[1]]);
    assert!(!second.contains("+ ") && !second.contains("~ "), "{second}");
    let exported = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(["tenant", "export", "acme", config[0], config[1]])
        .current_dir(dir.path())
        .output()
        .unwrap();
    std::fs::write(dir.path().join("exported.toml"), exported.stdout).unwrap();
    let third = ok(dir.path(), &["tenant", "apply", "exported.toml", "--prune", config[0], config[1]]);
    assert!(!third.contains("+ ") && !third.contains("~ ") && !third.contains("- "), "{third}");
}

#[test]
fn every_command_refuses_another_master_key_with_exit_code_3() {
    let dir = tempfile::tempdir().unwrap();
    ok(dir.path(), &["init", "--data-dir", "data", "--tenant", "bank"]);
    std::fs::write(dir.path().join("data/master.key"), "cd".repeat(32)).unwrap();
    std::fs::write(dir.path().join("t.toml"), "name = 't'\nprofile = 'openid'\n").unwrap();
    let config = ["--config", "data/countersign.toml"];
    for command in [
        ["serve"].as_slice(),
        &["tenant", "apply", "t.toml"],
        &["keys", "rotate", "--tenant", "bank"],
        &["audit", "--tenant", "bank"],
    ] {
        let output = countersign(dir.path(), &[command, &config].concat());
        assert_eq!(output.status.code(), Some(3), "{command:?}: {}", out(&output));
        assert!(out(&output).contains("this is not the master key that this database was sealed with"));
    }
}

#[test]
fn errors_say_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let cases: [(&str, i32, &str); 5] = [
        (
            "[database]\nurl = \"mysql://x\"\n[server]\npublic_url = \"https://id.example\"\n[security]\nmaster_key = \"KEY\"\n",
            4,
            "sqlite",
        ),
        (
            "[database]\nurl = \"sqlite:nosuch.sqlite3\"\n[server]\npublic_url = \"https://id.example\"\n[security]\nmaster_key = \"KEY\"\n",
            4,
            "nosuch.sqlite3",
        ),
        ("[database]\nurl = \"sqlite:x\"\n[server]\npublic_url = \"http://id.example\"\n", 3, "https://"),
        ("[database]\nurl = \"sqlite:x\"\n", 3, "public_url"),
        ("[server]\nlisten = \"nowhere\"\n", 3, "server.listen"),
    ];
    for (text, code, word) in cases {
        let text = text.replace("KEY", &"ab".repeat(32));
        std::fs::write(dir.path().join("c.toml"), text).unwrap();
        let output = countersign(dir.path(), &["serve", "--config", "c.toml"]);
        assert_eq!(output.status.code(), Some(code), "{}", out(&output));
        assert!(out(&output).contains(word), "{word} in {}", out(&output));
    }
    assert!(!dir.path().join("nosuch.sqlite3").exists());
    assert_eq!(countersign(dir.path(), &["serve"]).status.code(), Some(2));
    assert!(ok(dir.path(), &["--version"]).starts_with("countersign "));
}
