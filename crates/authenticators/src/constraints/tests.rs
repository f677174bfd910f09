use std::collections::BTreeMap;

use domain::policy::CharacterRange;
use testkit::PlainHasher;

use super::*;

/// No rule at all.
fn free() -> PasswordConstraints {
    PasswordConstraints {
        min_length: 0,
        max_length: 1024,
        min_diff_chars: 0,
        character_range: CharacterRange::Any,
        at_least_one_up: false,
        at_least_one_low: false,
        at_least_one_num: false,
        at_least_one_special: false,
        not_black_listed: false,
        not_old_password: false,
        not_user_attribute: false,
        not_sequence: false,
    }
}

fn violations(change: impl FnOnce(&mut PasswordConstraints), password: &str) -> Vec<Violation> {
    let mut constraints = free();
    change(&mut constraints);
    let user = testkit::a_user("Alice")
        .attribute("ATR_EMAIL", "ali@example.com")
        .attribute("given_name", "Ali")
        .with(|user| user.external_id = Some("E-4711".to_owned()))
        .build();
    check(&constraints, &UserFacts::of(&user), &Secret::new(password.to_owned()))
}

#[test]
fn each_rule_holds_by_itself() {
    type Change = fn(&mut PasswordConstraints);
    let rows: [(Change, &str, &str, Violation); 15] = [
        (|c| c.min_length = 4, "éééé", "ééé", Violation::TooShort { min: 4 }),
        (|c| c.max_length = 4, "éééé", "ééééé", Violation::TooLong { max: 4 }),
        (|c| c.min_diff_chars = 3, "aabbc", "aabb", Violation::TooFewDifferent { min: 3 }),
        (|c| c.character_range = CharacterRange::OnlyNum, "0429", "042x", Violation::NotOnlyDigits),
        (|c| c.character_range = CharacterRange::OnlyNum, "0429", "٠٤٢٩", Violation::NotOnlyDigits),
        (
            |c| c.character_range = CharacterRange::NumOrAlpha,
            "aÉ7",
            "a-7",
            Violation::NotOnlyLettersAndDigits,
        ),
        (|c| c.at_least_one_up = true, "xÉ", "xé7-", Violation::NoUpperCase),
        (|c| c.at_least_one_low = true, "Xé", "XÉ7-", Violation::NoLowerCase),
        (|c| c.at_least_one_num = true, "x7", "xX-", Violation::NoDigit),
        (|c| c.at_least_one_special = true, "x y", "xX7", Violation::NoSpecial),
        (|c| c.not_black_listed = true, "tangerine", "my-P4$$w0rd", Violation::BlackListed),
        (|c| c.not_user_attribute = true, "alic-e", "xxALICExx", Violation::UserAttribute),
        (|c| c.not_user_attribute = true, "e-47-11", "7e-4711", Violation::UserAttribute),
        (|c| c.not_user_attribute = true, "ali@example", "1Ali@Example.com1", Violation::UserAttribute),
        (|c| c.not_sequence = true, "abc-123-aaa", "x1234x", Violation::Sequence),
    ];
    for (change, good, bad, violation) in rows {
        assert_eq!(violations(change, good), [], "{good}");
        assert_eq!(violations(change, bad), [violation], "{bad}");
    }
}

#[test]
fn sequences_ascend_descend_or_repeat_whatever_the_case() {
    for bad in ["aBcD", "9876", "zyxw", "!!!!", "0000", "prefix-mnop"] {
        assert_eq!(violations(|c| c.not_sequence = true, bad), [Violation::Sequence], "{bad}");
    }
    for good in ["1357", "()*+", "abd", "aabb", "890a", ""] {
        assert_eq!(violations(|c| c.not_sequence = true, good), [], "{good}");
    }
}

#[test]
fn short_attributes_matter_only_when_they_are_the_whole_password() {
    assert_eq!(violations(|c| c.not_user_attribute = true, "salida"), []);
    assert_eq!(violations(|c| c.not_user_attribute = true, "ALI"), [Violation::UserAttribute]);
}

#[test]
fn all_violations_are_told_together() {
    let all = |c: &mut PasswordConstraints| {
        *c = PasswordConstraints { at_least_one_num: true, ..Default::default() }
    };
    assert_eq!(
        violations(all, "aaaa"),
        [
            Violation::TooShort { min: 8 },
            Violation::TooFewDifferent { min: 5 },
            Violation::NoDigit,
            Violation::Sequence
        ]
    );
}

#[test]
fn the_default_rules_let_ordinary_good_passwords_through() {
    for good in ["correct-horse-battery-staple", "Employee-Pass-2026", "54917067", "tRombone quilt 77"] {
        assert_eq!(violations(|c| *c = PasswordConstraints::default(), good), [], "{good}");
    }
}

#[test]
fn messages_are_sentences_that_never_repeat_the_password() {
    let told =
        violations(|c| *c = PasswordConstraints { at_least_one_up: true, ..Default::default() }, "zzzz9");
    assert_eq!(told.len(), 4);
    for violation in told.into_iter().chain([Violation::UsedBefore, Violation::NotOnlyDigits]) {
        let message = violation.message();
        assert!(
            message.starts_with("The password must ") && message.ends_with('.') && !message.contains("zzzz")
        );
    }
    assert!(Violation::TooShort { min: 8 }.message().contains('8'));
}

#[test]
fn earlier_passwords_are_found_in_the_present_one_and_in_the_history() {
    let hasher = PlainHasher::default();
    let hash = |text: &str| hasher.hash(&Secret::new(text.to_owned())).unwrap();
    let used = |text: &str, current: Option<&PasswordHash>| {
        let history = [hash("older"), hash("oldest")];
        was_used_before(&history, current, &Secret::new(text.to_owned()), &hasher).unwrap()
    };
    let present = hash("present");
    assert!(used("present", Some(&present)));
    assert!(used("oldest", Some(&present)));
    assert!(used("older", None));
    assert!(!used("present", None));
    assert!(!used("new", Some(&present)));
}

#[test]
fn a_history_that_does_not_read_is_a_fault() {
    let broken = [PasswordHash::from_phc("nonsense".to_owned())];
    let secret = Secret::new("x".to_owned());
    assert!(matches!(
        was_used_before(&broken, None, &secret, &PlainHasher::default()),
        Err(Fault::Crypto(_))
    ));
}

#[test]
fn a_client_has_a_name_and_nothing_else_to_repeat() {
    let none = BTreeMap::new();
    let facts = UserFacts { user_name: "spl-api", external_id: None, attributes: &none };
    let constraints = PasswordConstraints { not_user_attribute: true, ..free() };
    let found = check(&constraints, &facts, &Secret::new("my-SPL-API-key".to_owned()));
    assert_eq!(found, [Violation::UserAttribute]);
}
