//! Opening: what exists, and nothing else.

use storage::{Database, DatabaseConfig, OpenError};

use crate::support::{Fixture, both};

both!(answers_when_asked, settings_that_matter_are_on);

fn answers_when_asked(fixture: &Fixture) {
    fixture.database.ping().expect("an answer");
}

fn settings_that_matter_are_on(fixture: &Fixture) {
    if fixture.is_server {
        return;
    }
    let mut raw = fixture.raw();
    assert_eq!(raw.texts("SELECT journal_mode AS found FROM pragma_journal_mode"), ["wal"]);
}

#[test]
fn a_missing_file_is_an_error_and_is_not_created() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("db");
    let error = Database::open(&DatabaseConfig::new(&format!("sqlite:{}", file.display()))).err();
    assert!(matches!(&error, Some(OpenError::Missing(path)) if *path == file), "{error:?}");
    assert_eq!(std::fs::read_dir(directory.path()).expect("a listing").count(), 0);
}

#[test]
fn a_wrong_url_is_an_error_that_names_the_schemes_and_creates_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("db");
    for url in [
        format!("sqlite3:{}", path.display()),
        format!("{}", path.display()),
        format!("file:{}", path.display()),
        format!("host={} dbname=x", directory.path().display()),
        "mysql://root:hunter2@localhost/x".to_owned(),
    ] {
        for open in [Database::open, Database::create] {
            let error = open(&DatabaseConfig::new(&url)).expect_err("a refusal").to_string();
            assert!(error.contains("sqlite:") && error.contains("postgres://"), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
    assert_eq!(std::fs::read_dir(directory.path()).expect("a listing").count(), 0);
}

#[test]
fn a_directory_that_is_missing_is_told() {
    let directory = tempfile::tempdir().expect("a directory");
    let url = format!("sqlite:{}", directory.path().join("no/such/db").display());
    let error = Database::create(&DatabaseConfig::new(&url)).expect_err("a refusal");
    assert!(matches!(error, OpenError::Create { .. }), "{error:?}");
}

#[test]
fn a_server_that_is_not_there_is_told_in_the_drivers_words() {
    let directory = tempfile::tempdir().expect("a directory");
    let url = format!("postgres://u:hunter2@/x?host={}", directory.path().display());
    let error = Database::open(&DatabaseConfig::new(&url)).expect_err("a refusal").to_string();
    assert!(error.contains("No such file or directory"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
    assert_eq!(std::fs::read_dir(directory.path()).expect("a listing").count(), 0);
}

#[cfg(unix)]
#[test]
fn a_new_file_is_for_its_owner_only_and_an_old_one_is_kept() {
    use std::os::unix::fs::PermissionsExt;

    let fixture = Fixture::sqlite();
    fixture.tenant("acme");
    let again = Database::create(&fixture.config).expect("it exists");
    assert_eq!(again.system().tenants().expect("an answer").len(), 1);
    for name in ["db", "db-wal", "db-shm"] {
        let mode = fixture.file().with_file_name(name).metadata().expect("the file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn odd_characters_in_a_path_are_just_characters() {
    let directory = tempfile::tempdir().expect("a directory");
    let name = "ä b?mode=memory#%41&x";
    let url = format!("sqlite:{}", directory.path().join(name).display());
    let database = Database::create(&DatabaseConfig::new(&url)).expect("a database");
    database.migrate().expect("migrations");
    database.shut_down();
    assert!(directory.path().join(name).metadata().expect("the file").len() > 0);
}
