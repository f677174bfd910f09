//! Migrations.

use std::collections::BTreeSet;
use std::path::Path;

use storage::SchemaState;

use crate::support::{Fixture, both};

both!(
    goes_from_empty_to_current_once,
    refuses_a_newer_schema,
    looking_changes_nothing,
    two_processes_migrate_once,
    what_goes_up_comes_down,
    references_do_not_cross_tenants,
);

fn goes_from_empty_to_current_once(fixture: &Fixture) {
    let fixture = fixture.empty();
    assert_eq!(fixture.database.schema().expect("an answer"), SchemaState::Empty);
    assert_eq!(fixture.database.migrate().expect("migrations"), names("sqlite"));
    assert_eq!(fixture.database.schema().expect("an answer"), SchemaState::Current);
    assert_eq!(fixture.database.migrate().expect("nothing to do"), [""; 0]);
}

fn refuses_a_newer_schema(fixture: &Fixture) {
    fixture.raw().run("INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')").expect("a row");
    assert_eq!(fixture.database.schema().expect("an answer"), SchemaState::Newer("9999".to_owned()));
    let fault = fixture.database.migrate().expect_err("a refusal").to_string();
    assert!(fault.contains("newer than this program") && fault.contains("9999"), "{fault}");
}

fn looking_changes_nothing(fixture: &Fixture) {
    let fixture = fixture.empty();
    assert_eq!(fixture.database.schema().expect("an answer"), SchemaState::Empty);
    assert_eq!(tables(&fixture), BTreeSet::new());
}

fn two_processes_migrate_once(fixture: &Fixture) {
    let fixture = fixture.empty();
    let node = fixture.node();
    let (one, two) = std::thread::scope(|scope| {
        let one = scope.spawn(|| node.migrate().expect("migrations"));
        let two = fixture.database.migrate().expect("migrations");
        (one.join().expect("it ends"), two)
    });
    assert_eq!([one, two].concat(), names("sqlite"));
}

fn what_goes_up_comes_down(fixture: &Fixture) {
    assert_eq!(tables(fixture).len(), 15, "{:?}", tables(fixture));
    let engine = if fixture.is_server { "postgres" } else { "sqlite" };
    for name in names(engine).iter().rev() {
        let down = std::fs::read_to_string(folder(engine).join(name).join("down.sql")).expect("down.sql");
        fixture.raw().run(&down).expect("it comes down");
    }
    assert_eq!(tables(fixture), BTreeSet::from(["__diesel_schema_migrations".to_owned()]));
}

/// Each table that references another carries its tenant in the reference.
fn references_do_not_cross_tenants(fixture: &Fixture) {
    let (one, store) = fixture.tenant("one");
    let (two, _) = fixture.tenant("two");
    crate::records::seed(&store);
    let (one, two) = (one.id.number(), two.id.number());
    let blob = |n: u8| {
        if fixture.is_server { format!("'\\x{n:024x}'") } else { format!("x'{n:024x}'") }
    };
    let (family, key) = (blob(1), blob(2));
    let statement = |tenant: i64, table: &str| match table {
        "refresh_families" => format!(
            "INSERT INTO refresh_families VALUES ({tenant}, {family}, 'client-1', 7, '', 0, NULL, 1, '{{}}', 1, {key}, \
             NULL, NULL, NULL, NULL)"
        ),
        "refresh_tokens" => {
            format!("INSERT INTO refresh_tokens VALUES ({tenant}, {key}, {key}, {family}, 1)")
        }
        "sessions" => format!(
            "INSERT INTO sessions VALUES ({tenant}, {key}, {key}, 'client-1', 7, '', 0, 1, NULL, 0, 0, NULL, NULL)"
        ),
        "source_failures" => {
            format!("INSERT INTO source_failures VALUES ({tenant}, 'client-1', '192.0.2.1', 1, NULL, 1)")
        }
        _ => format!(
            "INSERT INTO authenticators SELECT {tenant}, user_id, policy, status, 0, 1, NULL, 0, 0, 0, 0, 0, NULL, \
             NULL, '', 1, 0, '[]' FROM authenticators"
        ),
    };
    let mut raw = fixture.raw();
    for table in ["refresh_families", "refresh_tokens", "sessions", "source_failures", "authenticators"] {
        let refused = raw.run(&statement(two, table)).expect_err("a reference into another tenant");
        assert!(refused.to_lowercase().contains("foreign key"), "{table}: {refused}");
        if table != "authenticators" {
            raw.run(&statement(one, table)).expect("a reference within a tenant");
        }
    }
}

#[test]
fn both_engines_have_the_same_migrations() {
    assert_eq!(names("sqlite"), names("postgres"));
    for engine in ["sqlite", "postgres"] {
        for name in names(engine) {
            for file in ["up.sql", "down.sql"] {
                assert!(folder(engine).join(&name).join(file).is_file(), "{engine}/{name}/{file}");
            }
        }
    }
}

#[test]
fn both_engines_have_the_same_tables_columns_and_keys() {
    let Some(server) = Fixture::postgres() else { return };
    let file = Fixture::sqlite();
    assert_eq!(tables(&file), tables(&server));
    for table in tables(&file).iter().filter(|table| !table.starts_with("__")) {
        assert_eq!(columns(&file, table), columns(&server, table), "columns of {table}");
        assert_eq!(primary_key(&file, table), primary_key(&server, table), "primary key of {table}");
        assert_eq!(references(&file, table), references(&server, table), "references of {table}");
        assert_eq!(indexes(&file, table), indexes(&server, table), "indexes of {table}");
    }
}

fn folder(engine: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine)
}

fn names(engine: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder(engine)).expect("the migrations");
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("an entry").file_name();
    let mut names: Vec<_> = entries.map(|entry| name(entry).to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn set(fixture: &Fixture, file: &str, server: &str) -> BTreeSet<String> {
    fixture.raw().texts(if fixture.is_server { server } else { file }).into_iter().collect()
}

fn tables(fixture: &Fixture) -> BTreeSet<String> {
    set(
        fixture,
        "SELECT name AS found FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
        "SELECT table_name::text AS found FROM information_schema.tables WHERE table_schema = current_schema()",
    )
}

/// Name, type as SQLite calls it, and whether it may be NULL.
fn columns(fixture: &Fixture, table: &str) -> BTreeSet<String> {
    set(
        fixture,
        &format!(
            "SELECT name || ' ' || type || ' ' || \"notnull\" AS found FROM pragma_table_info('{table}')"
        ),
        &format!(
            "SELECT column_name || ' ' || CASE data_type WHEN 'bigint' THEN 'INTEGER' WHEN 'bytea' THEN 'BLOB' \
             WHEN 'text' THEN 'TEXT' ELSE data_type END || CASE is_nullable WHEN 'NO' THEN ' 1' ELSE ' 0' END \
             AS found FROM information_schema.columns \
             WHERE table_schema = current_schema() AND table_name = '{table}'"
        ),
    )
}

fn primary_key(fixture: &Fixture, table: &str) -> BTreeSet<String> {
    set(
        fixture,
        &format!("SELECT pk || ' ' || name AS found FROM pragma_table_info('{table}') WHERE pk > 0"),
        &format!(
            "SELECT k.ordinal_position || ' ' || k.column_name AS found \
             FROM information_schema.key_column_usage k JOIN information_schema.table_constraints c \
             USING (constraint_schema, constraint_name) WHERE c.constraint_type = 'PRIMARY KEY' \
             AND c.constraint_schema = current_schema() AND k.table_name = '{table}'"
        ),
    )
}

/// Column, table and column it references, and what a deletion does.
fn references(fixture: &Fixture, table: &str) -> BTreeSet<String> {
    set(
        fixture,
        &format!(
            "SELECT \"from\" || ' ' || \"table\" || '.' || \"to\" || ' ' || on_delete AS found \
             FROM pragma_foreign_key_list('{table}')"
        ),
        &format!(
            "SELECT a.attname || ' ' || t.relname || '.' || b.attname || \
             CASE c.confdeltype WHEN 'c' THEN ' CASCADE' ELSE ' other' END AS found \
             FROM pg_constraint c JOIN pg_class t ON t.oid = c.confrelid \
             CROSS JOIN LATERAL unnest(c.conkey, c.confkey) AS pair (mine, theirs) \
             JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = pair.mine \
             JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = pair.theirs \
             WHERE c.contype = 'f' AND c.conrelid = '{table}'::regclass"
        ),
    )
}

/// Named indexes, and the unique ones by their columns.
fn indexes(fixture: &Fixture, table: &str) -> BTreeSet<String> {
    set(
        fixture,
        &format!(
            "SELECT (CASE l.origin WHEN 'c' THEN l.name ELSE 'unique' END) || ' ' || \
             (SELECT group_concat(name) FROM pragma_index_info(l.name)) || ' ' || l.partial AS found \
             FROM pragma_index_list('{table}') l WHERE l.origin IN ('c', 'u')"
        ),
        &format!(
            "SELECT (CASE WHEN i.indisunique THEN 'unique' ELSE n.relname::text END) || ' ' || \
             (SELECT string_agg(a.attname, ',' ORDER BY a.attnum) FROM pg_attribute a \
              WHERE a.attrelid = n.oid) || ' ' || (CASE WHEN i.indpred IS NULL THEN 0 ELSE 1 END) AS found \
             FROM pg_index i JOIN pg_class n ON n.oid = i.indexrelid \
             WHERE i.indrelid = '{table}'::regclass AND NOT i.indisprimary"
        ),
    )
}
