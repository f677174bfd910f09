//! docs/config.md tells every key, and no other.

use std::collections::BTreeSet;

use countersign_server::config::{CertificateHeader, RawConfig, TlsSection};

const DOCS: &str = include_str!("../../../../docs/config.md");

fn keys(prefix: &str, value: &toml::Value, found: &mut BTreeSet<String>) {
    match value {
        toml::Value::Table(table) => {
            for (name, value) in table {
                let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                keys(&path, value, found);
            }
        }
        toml::Value::Array(items) if items.iter().any(toml::Value::is_table) => {
            for item in items {
                keys(&format!("{prefix}[]"), item, found);
            }
        }
        _ => {
            found.insert(prefix.to_owned());
        }
    }
}

#[test]
fn documentation_and_struct_agree() {
    let mut raw = RawConfig::default();
    // Optional keys are left out of the file form unless they are set.
    raw.server.public_url = Some("x".into());
    raw.server.certificate_header = Some(CertificateHeader::Nginx);
    raw.server.mtls_url = Some("x".into());
    raw.tls = vec![TlsSection { mtls_host: Some("x".into()), ..TlsSection::default() }];
    raw.security.master_key = Some("x".into());
    raw.security.master_key_file = Some("x".into());
    let mut in_code = BTreeSet::new();
    keys("", &toml::Value::try_from(&raw).unwrap(), &mut in_code);
    let in_docs: BTreeSet<String> = DOCS
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next().map(str::to_owned))
        .collect();
    assert_eq!(in_code, in_docs);
}

#[test]
fn an_unknown_key_is_an_error_that_names_it() {
    let file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
    std::fs::write(file.path(), "[server]\nlisen = \"x\"\n").unwrap();
    let error = RawConfig::read(Some(file.path())).unwrap_err().to_string();
    assert!(error.contains("lisen"), "{error}");
}
