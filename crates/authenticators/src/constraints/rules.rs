//! The rules that need more than a glance.

use std::collections::BTreeSet;

use domain::policy::CharacterRange;

/// How many different characters there are.
pub(super) fn different(text: &str) -> usize {
    text.chars().collect::<BTreeSet<_>>().len()
}

/// Whether every character is in the range.
pub(super) fn in_range(range: CharacterRange, text: &str) -> bool {
    match range {
        CharacterRange::Any => true,
        CharacterRange::OnlyNum => text.chars().all(|char| char.is_ascii_digit()),
        CharacterRange::NumOrAlpha => text.chars().all(char::is_alphanumeric),
    }
}

/// Whether a password repeats an attribute of its user, whatever the case. Shorter ones than four characters
/// matter only when they are all of it.
pub(super) fn repeats(text: &str, attribute: &str) -> bool {
    let (text, attribute) = (text.to_lowercase(), attribute.to_lowercase());
    if attribute.chars().count() < 4 { text == attribute } else { text.contains(&attribute) }
}

/// Whether four characters in a row repeat, or are letters or digits that ascend or descend by one, whatever
/// the case.
pub(super) fn has_sequence(text: &str) -> bool {
    let chars: Vec<char> = text.to_lowercase().chars().collect();
    chars.windows(4).any(|run| {
        let steps = |wanted: i64| {
            run.iter()
                .zip(run.iter().skip(1))
                .all(|(a, b)| i64::from(u32::from(*b)) - i64::from(u32::from(*a)) == wanted)
        };
        let plain = run.iter().all(|char| char.is_alphanumeric());
        steps(0) || plain && (steps(1) || steps(-1))
    })
}
