//! Runs every file of `fixtures/fuzz` through the function of its fuzz target (docs/fuzzing.md): what a fuzzer once
//! found stays found.
#![expect(
    unreachable_pub,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "targets are shared with a package of their own, and stop where a promise is broken"
)]

#[path = "../../../../crates/fuzz/src/targets/mod.rs"]
mod targets;

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The names in a folder, without what follows a dot.
fn names(folder: &Path) -> BTreeSet<String> {
    let name = |entry: fs::DirEntry| entry.path().file_stem().unwrap().to_str().unwrap().to_owned();
    fs::read_dir(folder).unwrap().map(|entry| name(entry.unwrap())).collect()
}

#[test]
fn every_file_of_every_corpus_keeps_the_promises() {
    let mut broken = Vec::new();
    for (name, target) in targets::ALL {
        for entry in fs::read_dir(root().join("fixtures/fuzz").join(name)).unwrap() {
            let file = entry.unwrap().path();
            let bytes = fs::read(&file).unwrap();
            if catch_unwind(|| target(&bytes)).is_err() {
                broken.push(file);
            }
        }
    }
    assert!(broken.is_empty(), "{broken:?}");
}

#[test]
fn every_target_has_a_corpus_and_a_program() {
    let targets: BTreeSet<String> = targets::ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&root().join("fixtures/fuzz")), targets);
    assert_eq!(names(&root().join("crates/fuzz/fuzz_targets")), targets);
    for name in &targets {
        let corpus = names(&root().join("fixtures/fuzz").join(name));
        assert!((3..=24).contains(&corpus.len()), "{name}: {} files", corpus.len());
        let program = fs::read_to_string(root().join(format!("crates/fuzz/fuzz_targets/{name}.rs"))).unwrap();
        assert!(program.contains(&format!("run(\"{name}\"")), "{name} runs another target");
    }
}

#[test]
#[should_panic(expected = "a target of this name")]
fn an_unknown_target_is_no_success() {
    targets::run("no such target", b"");
}
