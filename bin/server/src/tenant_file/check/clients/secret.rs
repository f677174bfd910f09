//! A client's first secret (DECISIONS 5.5, 5.8).

use ::authenticators::constraints::UserFacts;
use domain::{AuthMethod, Client, ClientSecrets, Secret, SecretDigest, encoding, machine_secret};

use super::super::{NewSecret, Scene, secrets};
use crate::tenant_file::{
    document::ClientDoc,
    phc,
    problem::{Place, Problems},
    sealed_digest,
};

const KEY: &str = "client_secret";

pub(super) fn check(
    doc: ClientDoc,
    client: &Client,
    scene: Scene<'_>,
    place: &Place,
    problems: &mut Problems<'_>,
) -> NewSecret {
    let plain = [doc.client_secret.is_some(), doc.client_secret_file.is_some(), doc.generate_secret];
    let plain = plain.into_iter().filter(|given| *given).count();
    let kept = doc.client_secret_hash.is_some() || doc.client_secret_digest.is_some();
    let given = plain + usize::from(kept);
    problems.check(
        given <= 1,
        place,
        KEY,
        "give one of client_secret, client_secret_file, generate_secret, and an export's client_secret_hash or client_secret_digest",
    );
    if client.auth_methods.contains(&AuthMethod::None) {
        problems.check(given == 0, place, KEY, "a public client (none) has no secret");
        return NewSecret::None;
    }
    let stored = scene.around.stored.clients.get(&client.client_id).map(|stored| &stored.secrets);
    if given > 1 || stored.is_some_and(|secrets| secrets.generated.is_some() || secrets.chosen.is_some()) {
        return NewSecret::None;
    }
    if kept {
        return from_export(&doc, client, scene, place, problems);
    }
    if doc.generate_secret {
        return NewSecret::Generate;
    }
    match plain_secret(doc, scene) {
        Some(Ok(secret)) => plainly(secret, client, scene, place, problems),
        Some(Err(problem)) => {
            problems.add(place, "client_secret_file", problem);
            NewSecret::None
        }
        None if !by_secret(client) => NewSecret::None,
        None => {
            let text = "is needed (or client_secret_file, or generate_secret = true), because the client has none yet";
            problems.add(place, KEY, text);
            NewSecret::None
        }
    }
}

/// Whether one of the client's methods is a secret.
fn by_secret(client: &Client) -> bool {
    [AuthMethod::ClientSecretBasic, AuthMethod::ClientSecretPost]
        .iter()
        .any(|method| client.auth_methods.contains(method))
}

fn plain_secret(doc: ClientDoc, scene: Scene<'_>) -> Option<Result<Secret, String>> {
    let from_file = |path: String| secrets::from_file(&path, scene.around);
    doc.client_secret.map(Ok).or_else(|| doc.client_secret_file.map(from_file))
}

/// The form tells who made it (DECISIONS 5.5).
fn plainly(
    secret: Secret,
    client: &Client,
    scene: Scene<'_>,
    place: &Place,
    problems: &mut Problems<'_>,
) -> NewSecret {
    if machine_secret::recognise(secret.expose()) {
        return NewSecret::Made(secret);
    }
    let facts =
        UserFacts { user_name: client.client_id.as_str(), external_id: None, attributes: &client.attributes };
    if let Some(policy) = scene.known.get(&client.client_pwd_policy) {
        secrets::chosen(&secret, policy, &facts, (place, KEY), problems);
    }
    NewSecret::Chosen(secret)
}

fn from_export(
    doc: &ClientDoc,
    client: &Client,
    scene: Scene<'_>,
    place: &Place,
    problems: &mut Problems<'_>,
) -> NewSecret {
    let chosen = doc.client_secret_hash.as_deref().map(phc::read);
    problems.check(chosen != Some(None), place, "client_secret_hash", "must be an Argon2id hash in PHC form");
    let opened = |text: &str| -> Option<SecretDigest> {
        let sealed = encoding::from_base64url(text)?;
        sealed_digest::open(scene.around.master, scene.name, &client.client_id, &sealed)
    };
    let generated = doc.client_secret_digest.as_deref().map(opened);
    problems.check(
        !matches!(generated, Some(None)),
        place,
        "client_secret_digest",
        "does not open: it was exported of another tenant or client, or under another master key; use generate_secret = true instead",
    );
    NewSecret::Stored(ClientSecrets { generated: generated.flatten(), chosen: chosen.flatten() })
}
