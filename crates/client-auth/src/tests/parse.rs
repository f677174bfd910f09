use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use domain::OAuthErrorCode::{InvalidClient, InvalidRequest};
use domain::{AuthMethod, TokenKind, token_text};
use proptest::prelude::*;
use testkit::{ManualClock, SeededEntropy};

use super::{HID, OPENID};
use crate::{Inputs, Presented, Scheme, parse, scheme_tried};

const NONE: Inputs<'_> = Inputs {
    authorization: &[],
    client_id: None,
    client_secret: None,
    certificate: None,
    by_certificate: false,
    client_assertion: None,
    client_assertion_type: None,
    url_decoded_basic: true,
};

fn header(text: &str) -> String {
    format!("Basic {}", STANDARD.encode(text))
}

fn parsed(value: &[u8]) -> Result<Presented, domain::Refusal> {
    parse(&Inputs { authorization: &[value], ..NONE }, &HID)
}

#[track_caller]
fn basic(value: &str) -> (String, String) {
    match parsed(value.as_bytes()) {
        Ok(Presented::Secret { method: AuthMethod::ClientSecretBasic, client_id, secret }) => {
            (client_id.as_str().to_owned(), secret.expose().to_owned())
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn refused(inputs: &Inputs<'_>) -> (domain::OAuthErrorCode, &'static str) {
    let refusal = parse(inputs, &HID).unwrap_err();
    (refusal.code, refusal.reason)
}

#[test]
fn reads_the_basic_string_of_seed_003() {
    let value =
        "Basic NDczODYwNTY1Njk4NjY1NTkyOTQwOTQyMjMxMDI2NzYyMTQ1MDgyMTg4MjY4MTgxOk15Q2xpZW50SUQxMjM0NTYlM0Y=";
    let (id, secret) = basic(value);
    assert_eq!(id, "473860565698665592940942231026762145082188268181");
    assert_eq!(secret, "MyClientID123456?");
}

#[test]
fn basic_halves_are_form_url_decoded() {
    let rows = [
        ("a+b:c+d", "a b", "c d"),
        ("a%3Ab:c%2Bd", "a:b", "c+d"),
        ("id:sec:ret", "id", "sec:ret"),
        ("id:%c3%A9", "id", "é"),
        ("id:é", "id", "é"),
        ("id:", "id", ""),
    ];
    for (pair, id, secret) in rows {
        assert_eq!(basic(&header(pair)), (id.to_owned(), secret.to_owned()), "{pair}");
    }
}

#[test]
fn without_url_decoding_the_halves_stay_as_they_are() {
    let value = header("a+b:50%");
    let inputs = Inputs { authorization: &[value.as_bytes()], url_decoded_basic: false, ..NONE };
    let Ok(Presented::Secret { client_id, secret, .. }) = parse(&inputs, &OPENID) else { panic!("reads") };
    assert_eq!((client_id.as_str(), secret.expose()), ("a+b", "50%"));
}

#[test]
fn scheme_names_know_no_case_and_padding_may_be_missing() {
    let text = STANDARD_NO_PAD.encode("id:secret7");
    for value in [
        format!("bAsIc {text}"),
        format!("  BASIC   {text} "),
        format!("Basic {}", STANDARD.encode("id:secret7")),
    ] {
        assert_eq!(basic(&value), ("id".to_owned(), "secret7".to_owned()));
    }
}

#[test]
fn malformed_basic_is_invalid_client() {
    let long = header(&format!("id:{}", "x".repeat(1025)));
    let rows: [(Vec<u8>, &str); 14] = [
        (b"Basic".to_vec(), "malformed_basic"),
        (b"Basic ".to_vec(), "malformed_basic"),
        (b"Basic ###".to_vec(), "malformed_basic"),
        (b"Basic aWQ6c2VjcmV0\0".to_vec(), "malformed_basic"),
        (format!("Basic {}", URL_SAFE.encode("id:\u{fb}\u{ff}?>")).into_bytes(), "malformed_basic"),
        (b"Basic aWQ6cw= =".to_vec(), "malformed_basic"),
        (header("no colon").into_bytes(), "malformed_basic"),
        (header(":secret").into_bytes(), "malformed_basic"),
        (header("id:50%").into_bytes(), "malformed_basic"),
        (header("id:%zz").into_bytes(), "malformed_basic"),
        (header("id:%ff").into_bytes(), "malformed_basic"),
        (header("i%00d:secret").into_bytes(), "malformed_basic"),
        (header("id:a%00b").into_bytes(), "malformed_secret"),
        (long.into_bytes(), "malformed_secret"),
    ];
    for (value, reason) in rows {
        let refusal = parsed(&value).unwrap_err();
        assert_eq!(
            (refusal.code, refusal.reason),
            (InvalidClient, reason),
            "{}",
            String::from_utf8_lossy(&value)
        );
    }
}

#[test]
fn sizes_are_bounded_where_they_say() {
    let longest = "x".repeat(1024);
    assert_eq!(basic(&header(&format!("id:{longest}"))).1, longest);
    let huge = format!("Basic {}", "A".repeat(8 * 1024));
    assert_eq!(
        refused(&Inputs { authorization: &[huge.as_bytes()], ..NONE }),
        (InvalidRequest, "authorization_header_too_long")
    );
    let too_long = "x".repeat(1025);
    let body = Inputs { client_id: Some("id"), client_secret: Some(&too_long), ..NONE };
    assert_eq!(refused(&body), (InvalidClient, "malformed_secret"));
}

#[test]
fn one_request_uses_one_method() {
    let value = header("id:secret");
    let one: &[&[u8]] = &[value.as_bytes()];
    let two: &[&[u8]] = &[value.as_bytes(), value.as_bytes()];
    let bearer: &[&[u8]] = &[b"Bearer IA=="];
    let rows = [
        (Inputs { authorization: two, ..NONE }, "several_authorization_headers"),
        (Inputs { authorization: one, client_secret: Some("secret"), ..NONE }, "several_methods"),
        (Inputs { authorization: bearer, client_secret: Some("secret"), ..NONE }, "several_methods"),
        (Inputs { authorization: one, client_assertion: Some("x"), ..NONE }, "several_methods"),
        (Inputs { client_secret: Some("secret"), client_assertion: Some("x"), ..NONE }, "several_methods"),
        (Inputs { authorization: one, client_id: Some("other"), ..NONE }, "client_id_mismatch"),
        (Inputs { authorization: one, client_id: Some("a\0"), ..NONE }, "malformed_client_id"),
        (Inputs { client_secret: Some("secret"), ..NONE }, "missing_client_id"),
        (Inputs { client_id: Some("\u{7f}"), ..NONE }, "malformed_client_id"),
    ];
    for (inputs, reason) in rows {
        assert_eq!(refused(&inputs), (InvalidRequest, reason));
    }
}

#[test]
fn the_same_client_id_beside_basic_is_fine_and_empty_parameters_are_absent() {
    let value = header("id:secret");
    for id in [Some("id"), Some(""), None] {
        let inputs =
            Inputs { authorization: &[value.as_bytes()], client_id: id, client_secret: Some(""), ..NONE };
        assert!(matches!(parse(&inputs, &HID), Ok(Presented::Secret { .. })));
    }
}

#[test]
fn parameters_alone_present_post_public_or_nothing() {
    let post = parse(&Inputs { client_id: Some("id"), client_secret: Some("s"), ..NONE }, &OPENID);
    assert!(matches!(post, Ok(Presented::Secret { method: AuthMethod::ClientSecretPost, .. })));
    let public = parse(&Inputs { client_id: Some("id"), client_secret: Some(""), ..NONE }, &OPENID);
    assert!(matches!(public, Ok(Presented::Public { client_id }) if client_id.as_str() == "id"));
    assert!(matches!(parse(&Inputs { client_id: Some(""), ..NONE }, &OPENID), Ok(Presented::Nothing)));
}

#[test]
fn key_methods_and_other_schemes_are_refused() {
    assert_eq!(
        refused(&Inputs { client_assertion: Some("x"), ..NONE }),
        (InvalidRequest, "assertion_type_missing")
    );
    for value in [&b"Digest x"[..], b"", b"Basicx y", b"\xff\xfe"] {
        assert_eq!(refused(&Inputs { authorization: &[value], ..NONE }), (InvalidClient, "unknown_scheme"));
    }
}

#[test]
fn a_bearer_is_read_where_the_profile_takes_one() {
    let entropy = SeededEntropy::new(3);
    let token = token_text::mint(TokenKind::Access, &ManualClock::new().env(&entropy)).unwrap();
    let value = format!("bearer {}", token.text.expose());
    let inputs = Inputs { authorization: &[value.as_bytes()], client_id: Some("id"), ..NONE };
    let Ok(Presented::Bearer { token: Some(read), client_id: Some(id) }) = parse(&inputs, &HID) else {
        panic!("reads")
    };
    assert_eq!((read.locator, id.as_str()), (token.locator, "id"));
    assert_eq!(parse(&inputs, &OPENID).unwrap_err().reason, "bearer_not_accepted");
    let refresh = token_text::mint(TokenKind::Refresh, &ManualClock::new().env(&entropy)).unwrap();
    for text in ["IA==", "", "x y", refresh.text.expose()] {
        assert!(matches!(
            parsed(format!("Bearer {text}").as_bytes()),
            Ok(Presented::Bearer { token: None, .. })
        ));
    }
}

#[test]
fn the_scheme_that_was_tried_is_known_even_when_nothing_reads() {
    let rows: [(&[&[u8]], Scheme); 6] = [
        (&[], Scheme::None),
        (&[b"Basic ###"], Scheme::Basic),
        (&[b"basic"], Scheme::Basic),
        (&[b"BEARER IA=="], Scheme::Bearer),
        (&[b"Digest x"], Scheme::None),
        (&[b"Bearer x", b"Basic y"], Scheme::Bearer),
    ];
    for (authorization, scheme) in rows {
        assert_eq!(scheme_tried(&Inputs { authorization, ..NONE }), scheme);
    }
}

#[test]
fn what_is_presented_shows_no_secret() {
    let value = header("id:marker-secret");
    let shown = format!("{:?}", parsed(value.as_bytes()));
    assert!(shown.contains("Secret(..)") && !shown.contains("marker"));
}

fn outside_header() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        proptest::collection::vec(any::<u8>(), 0..200).prop_map(|raw| header_of(&raw)),
        "[Bb]asic [A-Za-z0-9+/=%: ]{0,60}".prop_map(String::into_bytes),
        "[Bb]earer [ -~]{0,80}".prop_map(String::into_bytes),
        "[a-z%+0-9]{0,8}:[a-z%+0-9]{0,12}".prop_map(|pair| header(&pair).into_bytes()),
    ]
}

fn header_of(raw: &[u8]) -> Vec<u8> {
    format!("Basic {}", STANDARD.encode(raw)).into_bytes()
}

proptest! {
    #[test]
    fn outside_bytes_never_panic_and_never_yield_two_methods(
        headers in proptest::collection::vec(outside_header(), 0..3),
        id in proptest::option::of(".{0,12}"),
        secret in proptest::option::of(".{0,12}"),
        client_assertion: bool,
        url_decoded_basic: bool,
        hid: bool,
    ) {
        let authorization: Vec<&[u8]> = headers.iter().map(Vec::as_slice).collect();
        let inputs = Inputs {
            authorization: &authorization,
            client_id: id.as_deref(),
            client_secret: secret.as_deref(),
            certificate: None,
            by_certificate: false,
            client_assertion: client_assertion.then_some("x"),
            client_assertion_type: None,
            url_decoded_basic,
        };
        let in_body = secret.as_deref().is_some_and(|text| !text.is_empty());
        let methods = headers.len() + usize::from(in_body) + usize::from(client_assertion);
        let presented = parse(&inputs, if hid { &HID } else { &OPENID });
        if methods > 1 {
            let code = presented.as_ref().err().map(|refusal| refusal.code);
            prop_assert_eq!(code, Some(InvalidRequest));
        }
        match presented {
            Ok(Presented::Secret { method, client_id, secret }) => {
                prop_assert_eq!(method == AuthMethod::ClientSecretPost, in_body);
                prop_assert!(secret.len() <= 1024 && !secret.expose().chars().any(char::is_control));
                if let Some(id) = id.filter(|id| !id.is_empty()) {
                    prop_assert_eq!(id.as_str(), client_id.as_str());
                }
            }
            Ok(Presented::Assertion(_)) => prop_assert!(false, "an assertion without its type"),
            Ok(Presented::Bearer { .. }) => prop_assert!(hid && scheme_tried(&inputs) == Scheme::Bearer),
            Ok(Presented::Public { .. } | Presented::Nothing) => prop_assert_eq!(methods, 0),
            Ok(Presented::Certificate { .. }) => prop_assert!(false, "there is no certificate"),
            Ok(Presented::Unreadable { .. }) => prop_assert!(false, "nor one that does not read"),
            Err(refusal) => prop_assert!(matches!(refusal.code, InvalidRequest | InvalidClient)),
        }
    }

    #[test]
    fn url_encoded_credentials_come_back(id in "[ -~]{1,40}", secret in "\\PC{0,60}") {
        let encode = |text: &str| text.bytes().fold(String::new(), |done, byte| format!("{done}%{byte:02X}"));
        let value = header(&format!("{}:{}", encode(&id), encode(&secret)));
        prop_assert_eq!(basic(&value), (id, secret));
    }
}
