//! A client's first secret (DECISIONS 5.5, 5.8).

use ::authenticators::constraints::UserFacts;
use domain::{AuthMethod, Client, ClientSecrets, Secret, SecretDigest, encoding, machine_secret};

use super::super::{NewSecret, Scene, secrets};
use crate::tenant_file::{
    document::ClientDoc,
    phc,
    problem::{Place, Problems},
    sealed_digest, sealed_secret,
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
    if let Some(secrets) = stored {
        still_fits(secrets, client, place, problems);
    }
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
        None if !client.needs_secret() => NewSecret::None,
        None => {
            let text = "is needed (or client_secret_file, or generate_secret = true), because the client has none yet";
            problems.add(place, KEY, text);
            NewSecret::None
        }
    }
}

/// A secret that is kept as a digest or a hash cannot become the key of an HMAC.
fn still_fits(secrets: &ClientSecrets, client: &Client, place: &Place, problems: &mut Problems<'_>) {
    let kept = secrets.generated.is_some() || secrets.chosen.is_some();
    let wanted = client.auth_methods.contains(&AuthMethod::ClientSecretJwt);
    let text = "client_secret_jwt needs the secret itself, and only its digest is stored: remove the client and \
                create it again with generate_secret = true";
    problems.check(!wanted || !kept || secrets.sealed.is_some(), place, "auth_methods", text);
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
    let text =
        "client_secret_jwt needs a generated secret (generate_secret = true): a chosen one is too weak a key";
    problems.check(!client.auth_methods.contains(&AuthMethod::ClientSecretJwt), place, KEY, text);
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
    let sealed = doc.client_secret_sealed.as_deref().map(|text| {
        let sealed = encoding::from_base64url(text)?;
        sealed_secret::carried(scene.around.master, scene.name, &client.client_id, &sealed)
    });
    problems.check(
        !matches!(sealed, Some(None)),
        place,
        "client_secret_sealed",
        "does not open: it was exported of another tenant or client, or under another master key; use generate_secret = true instead",
    );
    let wanted = client.auth_methods.contains(&AuthMethod::ClientSecretJwt);
    problems.check(
        !wanted || sealed.is_some(),
        place,
        KEY,
        "client_secret_jwt needs client_secret_sealed of the export",
    );
    let sealed = sealed.flatten().filter(|_| wanted);
    NewSecret::Stored(ClientSecrets { generated: generated.flatten(), chosen: chosen.flatten(), sealed })
}
