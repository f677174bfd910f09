//! Assertions: what is read, what the claims must be, what is used up.

use std::sync::Arc;

use domain::port::StoredClient;
use domain::{AuthMethod, ClientKeys, ProfileName, SigningAlg, Write, encoding};
use testkit::a_client;

use super::{HID, HID_TEXT, OPENID, World, authenticated, refusal, stored};
use crate::{
    ASSERTION_TYPE, AuthStep, Inputs, Presented, SignatureBy, SignatureFinding, parse, resume_assertion,
};

const ISSUER: &str = "https://as.example";
/// The manual clock begins here.
fn now(world: &World) -> i64 {
    world.clock.now().as_numeric_date()
}

fn jws(header: &str, claims: &str) -> String {
    format!("{}.{}.c2ln", encoding::base64url(header.as_bytes()), encoding::base64url(claims.as_bytes()))
}

fn claims(world: &World, more: &str) -> String {
    let exp = now(world) + 60;
    format!(r#"{{"iss":"robot","sub":"robot","aud":"{ISSUER}","exp":{exp},"jti":"1"{more}}}"#)
}

fn presented(text: &str) -> Result<Presented, &'static str> {
    let inputs = Inputs {
        authorization: &[],
        client_id: None,
        client_secret: None,
        client_assertion: Some(text),
        client_assertion_type: Some(ASSERTION_TYPE),
        certificate: None,
        by_certificate: false,
        url_decoded_basic: true,
    };
    parse(&inputs, &OPENID).map_err(|refusal| refusal.reason)
}

fn robot() -> StoredClient {
    let client = a_client("robot").methods([AuthMethod::PrivateKeyJwt]);
    stored(
        client.with(|client| client.keys = Some(ClientKeys::Inline("{\"keys\":[]}".to_owned()))).no_secret(),
    )
}

/// The whole way; the signature is what the test says.
fn run(world: &World, text: &str, client: Option<&StoredClient>, finding: SignatureFinding) -> AuthStep {
    let presented = presented(text).unwrap();
    let facts = world.facts(client);
    match world.begin(&presented, &facts) {
        AuthStep::NeedSignature(_) => {
            resume_assertion(&presented, &facts, finding, &world.clock.env(&world.entropy)).unwrap()
        }
        step => step,
    }
}

fn reason(world: &World, claims: &str) -> &'static str {
    let text = jws(r#"{"alg":"ES256"}"#, claims);
    if let Err(reason) = presented(&text) {
        return reason;
    }
    match run(world, &text, Some(&robot()), SignatureFinding::Good) {
        AuthStep::Authenticated(..) => "",
        step => refusal(step).0.reason,
    }
}

fn openid() -> World {
    World { profile: OPENID, ..World::new() }
}

#[test]
fn a_good_one_proves_the_client_and_is_used_up() {
    let world = openid();
    let text = jws(r#"{"alg":"ES256","kid":"1","typ":"JWT"}"#, &claims(&world, ""));
    let (client, writes) = authenticated(run(&world, &text, Some(&robot()), SignatureFinding::Good));
    assert_eq!(client.method_name(), "private_key_jwt");
    let [Write::UseOnce(used)] = writes.as_slice() else { panic!("{writes:?}") };
    // Remembered until it has expired, and a minute more for clocks that are behind.
    assert_eq!(used.expires_at.as_numeric_date(), now(&world) + 120);
}

#[test]
fn headers_that_ask_for_anything_else_are_refused() {
    let body = claims(&openid(), "");
    for (header, reason) in [
        (r#"{"alg":"none"}"#, "assertion_algorithm"),
        (r#"{"alg":"RS512"}"#, "assertion_algorithm"),
        (r#"{"alg":"es256"}"#, "assertion_algorithm"),
        (r#"{"alg":1}"#, "assertion_algorithm"),
        ("{}", "assertion_algorithm"),
        (r#"{"alg":"ES256","crit":["exp"]}"#, "assertion_header"),
        (r#"{"alg":"ES256","zip":"DEF"}"#, "assertion_header"),
        (r#"{"alg":"ES256","b64":false}"#, "assertion_header"),
        (r#"{"alg":"ES256","jwk":{}}"#, "assertion_header"),
        (r#"{"alg":"ES256","jku":"https://evil.example"}"#, "assertion_header"),
        (r#"{"alg":"ES256","x5u":"https://evil.example"}"#, "assertion_header"),
        (r#"{"alg":"ES256","typ":"dpop+jwt"}"#, "assertion_header"),
        (r#"{"alg":"ES256","typ":"at+jwt"}"#, "assertion_header"),
        (r#"{"alg":"ES256","kid":7}"#, "malformed_assertion"),
        ("[]", "malformed_assertion"),
    ] {
        assert_eq!(presented(&jws(header, &body)).err(), Some(reason), "{header}");
    }
    for typ in ["JWT", "jwt", "application/JWT", "client-authentication+jwt"] {
        assert!(presented(&jws(&format!(r#"{{"alg":"ES256","typ":"{typ}"}}"#), &body)).is_ok(), "{typ}");
    }
}

#[test]
fn a_fapi2_client_is_taken_at_its_profiles_word() {
    let world = openid();
    let mut strict = robot();
    Arc::make_mut(&mut strict.client).profile = Some(ProfileName::Fapi2);
    let judged = |alg: &str, aud: &str, client: &StoredClient| {
        let claims = claims(&world, "").replacen(&format!("\"{ISSUER}\""), aud, 1);
        let text = jws(&format!(r#"{{"alg":"{alg}"}}"#), &claims);
        match run(&world, &text, Some(client), SignatureFinding::Good) {
            AuthStep::Authenticated(..) => "",
            step => refusal(step).0.reason,
        }
    };
    let (us, list, endpoint) =
        (format!("\"{ISSUER}\""), format!("[\"{ISSUER}\"]"), format!("\"{ISSUER}/token\""));
    for aud in [&us, &list, &endpoint] {
        assert_eq!(judged("RS256", aud, &robot()), "", "the tenant's profile asks for less");
    }
    assert_eq!(judged("ES256", &us, &strict), "");
    assert_eq!(judged("PS256", &us, &strict), "");
    assert_eq!(judged("RS256", &us, &strict), "assertion_algorithm_not_own");
    assert_eq!(judged("ES256", &list, &strict), "assertion_audience");
    assert_eq!(judged("ES256", &endpoint, &strict), "assertion_audience");
}

#[test]
fn texts_that_are_no_assertion_are_refused() {
    let good = jws(r#"{"alg":"ES256"}"#, &claims(&openid(), ""));
    let two = good.rsplit_once('.').unwrap().0;
    for text in ["x", "..", "a.b.c", two, &format!("{two}."), &format!("{good}.x"), &format!(" {good}")] {
        assert_eq!(presented(text).err(), Some("malformed_assertion"), "{text}");
    }
    assert_eq!(presented(&"a".repeat(16 * 1024 + 1)).err(), Some("assertion_too_long"));
}

#[test]
fn every_claim_counts() {
    let world = openid();
    let now = now(&world);
    let made = |iss: &str, sub: &str, aud: &str, exp: &str, more: &str| {
        format!(r#"{{"iss":{iss},"sub":{sub},"aud":{aud},"exp":{exp}{more}}}"#)
    };
    let (me, us, soon) = (r#""robot""#, format!("\"{ISSUER}\""), (now + 60).to_string());
    let jti = r#","jti":"1""#;
    let token = format!("[\"{ISSUER}\",\"{ISSUER}/token\"]");
    for (text, expected) in [
        (made(me, me, &us, &soon, jti), ""),
        (made(me, me, &token, &soon, jti), ""),
        (made(me, me, &us, &format!("{}.5", now + 60), jti), ""),
        (made(r#""other""#, me, &us, &soon, jti), "assertion_subject"),
        (made(me, r#""other""#, &us, &soon, jti), "assertion_subject"),
        (made("null", me, &us, &soon, jti), "assertion_subject"),
        (made(me, me, "null", &soon, jti), "assertion_audience"),
        (made(me, me, "[]", &soon, jti), "assertion_audience"),
        (made(me, me, &format!("{:?}", format!("{ISSUER}/")), &soon, jti), "assertion_audience"),
        (made(me, me, &format!("[{us},\"https://other.example\"]"), &soon, jti), "assertion_audience"),
        (made(me, me, &us, "null", jti), "malformed_assertion"),
        (made(me, me, &us, "\"9999999999\"", jti), "malformed_assertion"),
        (made(me, me, &us, "1e300", jti), "malformed_assertion"),
        (made(me, me, &us, &now.to_string(), jti), "assertion_expiry"),
        (made(me, me, &us, &(now + 3630).to_string(), jti), ""),
        (made(me, me, &us, &(now + 3631).to_string(), jti), "assertion_valid_too_long"),
        (made(me, me, &us, &soon, &format!("{jti},\"iat\":{}", now + 30)), ""),
        (made(me, me, &us, &soon, &format!("{jti},\"iat\":{}", now + 31)), "assertion_not_yet_valid"),
        (made(me, me, &us, &soon, &format!("{jti},\"nbf\":{}", now + 31)), "assertion_not_yet_valid"),
        (made(me, me, &us, &soon, r#","jti":"""#), "assertion_id"),
        (made(me, me, &us, &soon, r#","jti":7"#), "assertion_id"),
        (made(me, me, &us, &soon, ""), "assertion_id"),
    ] {
        assert_eq!(reason(&world, &text), expected, "{text}");
    }
    let without_exp = format!(r#"{{"iss":"robot","sub":"robot","aud":"{ISSUER}","jti":"1"}}"#);
    assert_eq!(reason(&world, &without_exp), "assertion_expiry");
}

#[test]
fn without_jti_hid_uses_up_what_is_signed_whatever_the_signature_is() {
    let world = World { profile: HID, ..World::new() };
    let exp = now(&world) + 60;
    let body = format!(r#"{{"iss":"robot","sub":"robot","aud":"{ISSUER}","exp":{exp}}}"#);
    let used = |text: &str| {
        let (_, writes) = authenticated(run(&world, text, Some(&robot()), SignatureFinding::Good));
        let [Write::UseOnce(used)] = writes.as_slice() else { panic!("{writes:?}") };
        used.key
    };
    let one = jws(r#"{"alg":"ES256"}"#, &body);
    let other = format!("{}.b3RoZXI", one.rsplit_once('.').unwrap().0);
    assert_eq!(used(&one), used(&other));
    assert_ne!(used(&one), used(&jws(r#"{"alg":"ES256","kid":"1"}"#, &body)));
    let strict = a_client("robot").methods([AuthMethod::PrivateKeyJwt]).with(|client| {
        client.profile = Some(ProfileName::Openid);
        client.keys = Some(ClientKeys::Inline("{\"keys\":[]}".to_owned()));
    });
    let strict = stored(strict.no_secret());
    assert_eq!(refusal(run(&world, &one, Some(&strict), SignatureFinding::Good)).0.reason, "assertion_id");
}

#[test]
fn what_depends_on_the_client_has_one_text_and_is_told_apart_in_the_log() {
    let world = World { profile: HID, ..World::new() };
    let text = jws(r#"{"alg":"ES256"}"#, &claims(&world, ""));
    let disabled = stored(a_client("robot").with(|client| client.enabled = false).no_secret());
    let basic = stored(a_client("robot").no_secret());
    let keyless = stored(a_client("robot").methods([AuthMethod::PrivateKeyJwt]).no_secret());
    let mut rsa = robot();
    let mut client = (*rsa.client).clone();
    client.auth_signing_algs = [SigningAlg::RS256].into();
    rsa.client = client.into();
    let robot = robot();
    for (client, finding, reason) in [
        (None, SignatureFinding::Good, "unknown_client"),
        (Some(&disabled), SignatureFinding::Good, "client_disabled"),
        (Some(&basic), SignatureFinding::Good, "method_not_allowed"),
        (Some(&keyless), SignatureFinding::Good, "keys_unavailable"),
        (Some(&rsa), SignatureFinding::Good, "assertion_algorithm_not_own"),
        (Some(&robot), SignatureFinding::Wrong, "assertion_signature"),
        (Some(&robot), SignatureFinding::UnknownKey, "assertion_unknown_key"),
        (Some(&robot), SignatureFinding::KeysUnavailable, "keys_unavailable"),
    ] {
        let (refusal, writes) = refusal(run(&world, &text, client, finding));
        assert_eq!((refusal.reason, refusal.description), (reason, HID_TEXT));
        assert!(writes.is_empty(), "nothing is stored for who proved nothing");
    }
}

#[test]
fn an_hmac_is_for_clients_whose_secret_is_kept_and_no_key_takes_its_place() {
    let world = openid();
    let text = jws(r#"{"alg":"HS256"}"#, &claims(&world, ""));
    let (client, mut secrets) = a_client("robot").methods([AuthMethod::ClientSecretJwt]).no_secret();
    let without = StoredClient { client: client.clone().into(), secrets: secrets.clone() };
    let refused = refusal(run(&world, &text, Some(&without), SignatureFinding::Good)).0;
    assert_eq!(refused.reason, "secret_kind_not_held");
    secrets.sealed = Some(vec![1]);
    let kept = StoredClient { client: client.into(), secrets };
    let step = world.begin(&presented(&text).unwrap(), &world.facts(Some(&kept)));
    assert!(matches!(step, AuthStep::NeedSignature(SignatureBy::Secret)));
    // HS256 for a client of keys: its public key must not become the key of an HMAC.
    let refused = refusal(run(&world, &text, Some(&robot()), SignatureFinding::Good)).0;
    assert_eq!(refused.reason, "method_not_allowed");
}

#[test]
fn an_assertion_does_not_show_itself() {
    let text = jws(r#"{"alg":"ES256"}"#, &claims(&openid(), ""));
    let shown = format!("{:?}", presented(&text).unwrap());
    assert!(text.split('.').all(|part| !shown.contains(part)), "{shown}");
}
