//! Parsers of outside text: nothing makes them panic, and what was made here is read back.

use domain::{
    ChannelCode, ClientId, Env, Fault, Locator, PolicyCode, RequestId, Scopes, Secret, SecretDigest,
    SigningAlg, TenantName, Timestamp, TokenKind, encoding, machine_secret, port::Entropy, token_text,
};
use proptest::prelude::*;

/// Bytes that follow from a seed.
struct Stream(std::sync::Mutex<u64>);

impl Entropy for Stream {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Fault> {
        let mut state = self.0.lock().map_err(|_poisoned| Fault::Entropy)?;
        for byte in bytes {
            *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = state.to_be_bytes()[0];
        }
        Ok(())
    }
}

const KINDS: [TokenKind; 5] = [
    TokenKind::Access,
    TokenKind::Refresh,
    TokenKind::Code,
    TokenKind::Registration,
    TokenKind::InitialAccess,
];

proptest! {
    #[test]
    fn no_text_makes_a_parser_panic(text in "\\PC{0,120}") {
        for kind in KINDS {
            prop_assert!(token_text::parse(kind, &text).is_none());
        }
        prop_assert!(!machine_secret::recognise(&text));
        let _ = (ClientId::parse(&text), PolicyCode::parse(&text), ChannelCode::parse(&text), RequestId::parse(&text));
        let _ = (TenantName::parse(&text), Scopes::parse(&text, true), SigningAlg::parse(&text));
        let _ = encoding::from_base64url(&text);
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = (encoding::form_url_decoded(&bytes), SecretDigest::from_slice(&bytes), Locator::from_slice(&bytes));
    }

    #[test]
    fn a_token_is_read_back_as_its_own_kind_only_and_no_typo_passes(
        seed in any::<u64>(), millis in 0_i64..4_000_000_000_000, at in 0_usize..68, other in "[A-Za-z0-9_-]",
    ) {
        let stream = Stream(std::sync::Mutex::new(seed));
        let env = Env { now: Timestamp::from_millis(millis), entropy: &stream };
        for kind in KINDS {
            let minted = token_text::mint(kind, &env).unwrap();
            let text = minted.text.expose();
            prop_assert_eq!(text.len(), 68);
            let read = token_text::parse(kind, text).unwrap();
            prop_assert!(read.locator == minted.locator && read.digest.matches(&minted.digest));
            prop_assert_eq!(read.locator.minted_at(), env.now);
            for wrong in KINDS.into_iter().filter(|wrong| *wrong != kind) {
                prop_assert!(token_text::parse(wrong, text).is_none());
            }
            let mut typo = text.to_owned();
            typo.replace_range(at..=at, &other);
            prop_assert!(typo == text || token_text::parse(kind, &typo).is_none());
        }
    }

    #[test]
    fn a_generated_secret_is_recognised_and_no_typo_of_it(seed in any::<u64>(), at in 0_usize..52, other in "[A-Za-z0-9_-]") {
        let stream = Stream(std::sync::Mutex::new(seed));
        let secret: Secret = machine_secret::mint(&Env { now: Timestamp::from_millis(0), entropy: &stream }).unwrap();
        prop_assert!(machine_secret::recognise(secret.expose()));
        let mut typo = secret.expose().to_owned();
        typo.replace_range(at..=at, &other);
        prop_assert!(typo == secret.expose() || !machine_secret::recognise(&typo));
    }

    #[test]
    fn scopes_come_back_from_their_wire_form(values in proptest::collection::btree_set("[!#-\\[\\]-~]{1,20}", 0..10)) {
        let text = values.iter().cloned().collect::<Vec<_>>().join(" ");
        let scopes = Scopes::parse(&text, false).unwrap();
        let again = Scopes::parse(&scopes.to_text(), false);
        prop_assert_eq!(again.as_ref(), Some(&scopes));
        prop_assert!(values.iter().all(|value| scopes.contains(value)));
    }
}
