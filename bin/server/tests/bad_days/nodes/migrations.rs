//! Several processes find an empty database at once.

use std::process::Command;

use super::Nodes;

#[test]
fn migrations_at_once_happen_once() {
    let Some(nodes) = Nodes::bare("") else { return };
    let migrate = || {
        Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args(["migrate", "--config", "c.toml"])
            .current_dir(nodes.dir.path())
            .output()
            .unwrap()
    };
    let done: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(migrate)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(done.iter().all(|output| output.status.success()), "{done:?}");
    let said: Vec<_> =
        done.iter().map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).collect();
    assert_eq!(said.iter().filter(|said| said.starts_with("+ migration")).count(), 1, "{said:?}");
    assert_eq!(said.iter().filter(|said| said.contains("the schema is current")).count(), 5, "{said:?}");
}

#[test]
fn installations_at_once_make_one_first_tenant() {
    let Some(nodes) = Nodes::bare("") else { return };
    let init = || {
        Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args(["init", "--config", "c.toml", "--tenant", "main"])
            .current_dir(nodes.dir.path())
            .output()
            .unwrap()
    };
    let done: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(init)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    // Whoever is late finds nothing to do, or a database that is somebody's.
    let shown = done.iter().filter(|output| String::from_utf8_lossy(&output.stdout).contains("csk_")).count();
    assert_eq!(shown, 1, "one administrator's secret: {done:?}");
    assert_eq!(nodes.sql("SELECT (SELECT count(*) FROM tenants), (SELECT count(*) FROM clients)"), "1|1");
}
