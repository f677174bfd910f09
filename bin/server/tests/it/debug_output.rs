//! `Debug` of what carries secrets shows none.

use std::fmt::Debug;

use countersign_server::{config::RawConfig, respond::Reply};
use domain::{
    AuthMethod, Claims, ClientSecrets, PasswordCredential, ProfileName, Secret, SecretDigest, WireProfile,
    WriteBatch, port::PasswordHash,
};
use oidc_core::{
    Params,
    token::{Issued, Outcome, TokenRequest},
};

const MARKER: &str = "m4rker-s3cret";

#[track_caller]
fn hidden(value: &dyn Debug) {
    let text = format!("{value:?} {value:#?}");
    assert!(!text.contains(MARKER), "{text}");
}

#[test]
fn no_type_that_holds_a_secret_prints_it() {
    let secret = || Secret::new(MARKER.to_owned());
    let hash = || PasswordHash::from_phc(MARKER.to_owned());
    hidden(&secret());
    hidden(&hash());
    hidden(&SecretDigest::of(MARKER.as_bytes()));
    hidden(&ClientSecrets { generated: None, chosen: Some(hash()), sealed: None });
    hidden(&PasswordCredential { hash: hash(), version: 1, uses: 0, history: vec![hash()] });
    let pairs = [("grant_type", "password"), ("username", "x"), ("password", MARKER)];
    let params = Params::collect(pairs.map(|(n, v)| (n.to_owned(), v.to_owned())), false).unwrap();
    hidden(&params);
    hidden(&TokenRequest::parse(&params, &WireProfile::named(ProfileName::Hid)).unwrap());
    let claims: Claims = [("access_token".to_owned(), MARKER.into())].into_iter().collect();
    hidden(&Outcome::Issued(claims.clone()));
    hidden(&Issued { answer: claims.clone(), batch: WriteBatch::new() });
    hidden(&Reply::Json(claims));
    hidden(&Reply::Jwt("x", MARKER.to_owned()));
    let client_id = domain::ClientId::parse("c").unwrap();
    hidden(&client_auth::Presented::Secret {
        method: AuthMethod::ClientSecretPost,
        client_id,
        secret: secret(),
    });
}

#[test]
fn neither_configuration_nor_its_print_shows_keys_or_passwords() {
    let mut raw = RawConfig::default();
    raw.security.master_key = Some(MARKER.to_owned());
    raw.database.url = format!("postgres://user:{MARKER}@host/name");
    hidden(&raw);
    hidden(&raw.database.storage());
    assert!(!toml::to_string(&raw.redacted()).unwrap().contains(MARKER));
}
