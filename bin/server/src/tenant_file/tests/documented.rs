use std::collections::BTreeSet;

const DOCS: &str = include_str!("../../../../../docs/tenant-file.md");

/// Where a section of the documentation begins, and a file that has an unknown key there.
const SECTIONS: &[(&str, &str)] = &[
    ("## The top", "name = 't'\nprofile = 'hid'\nunknown = 1"),
    ("## settings", "name = 't'\nprofile = 'hid'\n[settings]\nunknown = 1"),
    ("## policies", "name = 't'\nprofile = 'hid'\n[[policies]]\ncode = 'A'\nunknown = 1"),
    (
        "### passwordPolicy",
        "name = 't'\nprofile = 'hid'\n[[policies]]\ncode = 'A'\n[policies.passwordPolicy]\nunknown = 1",
    ),
    ("## clients", "name = 't'\nprofile = 'hid'\n[[clients]]\nclient_id = 'c'\nunknown = 1"),
    ("## users", "name = 't'\nprofile = 'hid'\n[[users]]\nuser_name = 'u'\nunknown = 1"),
    (
        "### authenticators",
        "name = 't'\nprofile = 'hid'\n[[users]]\nuser_name = 'u'\n[[users.authenticators]]\npolicy = 'A'\nunknown = 1",
    ),
    ("## keys", "name = 't'\nprofile = 'hid'\n[[keys]]\nunknown = 1"),
];

/// The keys that the parser knows in a section: it names them when it meets another.
fn known(text: &str) -> BTreeSet<String> {
    let error = super::super::parse::parse(text).unwrap_err().to_string();
    let (_, expected) = error.split_once("expected one of ").unwrap_or_else(|| panic!("{error}"));
    expected.split(", ").map(|name| name.trim().trim_matches('`').to_owned()).collect()
}

/// The keys that a section's table tells: the first column.
fn told(heading: &str) -> BTreeSet<String> {
    let (_, section) = DOCS.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("{heading}"));
    let section = section.split("\n##").next().unwrap();
    let row = |line: &str| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned());
    section.lines().filter_map(row).collect()
}

#[test]
fn every_key_is_documented_and_every_documented_key_exists() {
    for (heading, text) in SECTIONS {
        assert_eq!(told(heading), known(text), "{heading}");
    }
}
