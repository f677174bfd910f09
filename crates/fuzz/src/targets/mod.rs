//! One function a target: it panics where a parser breaks a promise.
//!
//! Where an input has several parts, they stand on lines of their own, so that a corpus can be read and written by
//! hand; the last part is the rest, line ends and all.

mod certificates;
mod clients;
mod fetched;
mod files;
mod http2;
mod keys;
mod registration;
mod requests;
mod revocation;
mod values;

/// A target by its name: that of its file in `fuzz_targets` and of its folder in `fixtures/fuzz`.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const ALL: [Target; 37] = [
    ("accept", requests::accept),
    ("assertion", clients::assertion),
    ("basic", clients::basic),
    ("cache_control", fetched::cache_control),
    ("config", files::config),
    ("credentials", clients::credentials),
    ("database_url", files::database_url),
    ("date", values::date),
    ("der_name", certificates::der_name),
    ("dpop_proof", keys::dpop_proof),
    ("encoding", values::encoding),
    ("forwarded_for", requests::forwarded_for),
    ("http2_frames", http2::http2_frames),
    ("http2_head", http2::http2_head),
    ("introspection", requests::introspection),
    ("jws", keys::jws),
    ("key_set", fetched::key_set),
    ("keystore", certificates::keystore),
    ("machine_secret", values::machine_secret),
    ("master_key", keys::master_key),
    ("names", values::names),
    ("ocsp_answer", revocation::ocsp_answer),
    ("parameters", requests::parameters),
    ("password_hash", keys::password_hash),
    ("password_rules", clients::password_rules),
    ("proxy_certificate", certificates::proxy_certificate),
    ("redirect_uri", files::redirect_uri),
    ("registration", registration::registration),
    ("request_id", requests::request_id),
    ("revocation_list", revocation::revocation_list),
    ("scopes", values::scopes),
    ("sealed", keys::sealed),
    ("tenant_file", files::tenant_file),
    ("tenant_meaning", files::tenant_meaning),
    ("token_request", requests::token_request),
    ("token_text", values::token_text),
    ("truststore", certificates::truststore),
];

/// Runs the target of that name.
///
/// # Panics
/// When there is none, or when a promise is broken.
pub fn run(name: &str, bytes: &[u8]) {
    let target = ALL.iter().find(|(own, _)| *own == name);
    target.expect("a target of this name").1(bytes);
}

/// The parts of an input: lines, and the rest. What is missing is empty.
fn parts<const N: usize>(bytes: &[u8]) -> [&[u8]; N] {
    let mut lines = bytes.splitn(N, |byte| *byte == b'\n');
    std::array::from_fn(|_| lines.next().unwrap_or_default())
}

/// The bytes as text; anything that is none becomes one replacement character or more.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
