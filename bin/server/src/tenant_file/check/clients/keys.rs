//! A client's public keys: `jwks` or `jwks_uri`.

use domain::ClientKeys;
use jose::JoseVerifier;

use super::super::Scene;
use crate::{
    fetch::target,
    tenant_file::{
        document::ClientDoc,
        problem::{Place, Problems},
    },
};

/// Most bytes of a file with a set: what a verifier reads.
const LONGEST: u64 = 256 * 1024;

pub(super) fn check(
    doc: &mut ClientDoc,
    scene: Scene<'_>,
    place: &Place,
    problems: &mut Problems<'_>,
) -> Option<ClientKeys> {
    let given = [doc.jwks.is_some(), doc.jwks_file.is_some(), doc.jwks_uri.is_some()];
    if given.into_iter().filter(|given| *given).count() > 1 {
        problems.add(place, "jwks", "give one of jwks, jwks_file and jwks_uri (RFC 7591 §2)");
        return None;
    }
    if let Some(uri) = doc.jwks_uri.take() {
        if let Err(problem) = target::check(&uri, scene.settings.fetch_private) {
            problems.add(place, "jwks_uri", problem);
        }
        return Some(ClientKeys::At(uri));
    }
    let (key, text) = match (doc.jwks.take(), doc.jwks_file.take()) {
        (Some(text), _) => ("jwks", Ok(text)),
        (None, Some(path)) => ("jwks_file", from_file(&path, scene)),
        (None, None) => return None,
    };
    let text = text.map_err(|problem| problems.add(place, key, problem)).ok()?;
    problems.extend(place, key, JoseVerifier::problems(&text));
    Some(ClientKeys::Inline(text))
}

fn from_file(path: &str, scene: Scene<'_>) -> Result<String, String> {
    use std::io::Read as _;
    let path = scene.around.base_dir.map_or_else(|| path.into(), |dir| dir.join(path));
    let said = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut text = String::new();
    let file = std::fs::File::open(&path).map_err(said)?;
    file.take(LONGEST + 1).read_to_string(&mut text).map_err(said)?;
    Ok(text.trim_end().to_owned())
}
