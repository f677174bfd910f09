//! Words that everybody tries first.

/// One word per line; lines that begin with `#` are comments.
const WORDS: &str = include_str!("../blacklist.txt");

/// Words of at least this many characters count wherever they stand; shorter ones only when they are all of it.
const ANYWHERE: usize = 5;

/// Whether a password is, or contains, a black-listed word, whatever the case and with the usual replacements of
/// letters by digits and signs.
pub(super) fn contains(password: &str) -> bool {
    let password = fold(password);
    words().any(|word| {
        let word = fold(word);
        if word.len() >= ANYWHERE { password.contains(&word) } else { password == word }
    })
}

fn words() -> impl Iterator<Item = &'static str> {
    WORDS.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Lower case, with look-alikes folded together. `1` stands for both `l` and `i`, so those two fold together too.
fn fold(text: &str) -> String {
    let look_alike = |char| match char {
        '0' => 'o',
        '1' | 'l' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        other => other,
    };
    text.to_lowercase().chars().map(look_alike).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_list_holds_some_two_hundred_different_lower_case_ascii_words() {
        let all: Vec<_> = words().collect();
        assert!((180..=260).contains(&all.len()), "{} words", all.len());
        assert_eq!(all.len(), all.iter().map(|word| fold(word)).collect::<BTreeSet<_>>().len());
        assert!(
            all.iter().all(|word| word.is_ascii() && *word == word.to_lowercase() && !word.contains(' '))
        );
    }

    #[test]
    fn finds_words_whatever_their_dress() {
        for bad in [
            "password",
            "xxPASSWORDxx",
            "p@$$w0rd77",
            "My-L3tme1n!",
            "QWERTY!",
            "123456",
            "a123456b",
            "god",
            "G0D",
        ] {
            assert!(contains(bad), "{bad}");
        }
    }

    #[test]
    fn short_words_count_only_alone() {
        for good in ["godless-42", "Tr7-velvet", "", "blue-canoe"] {
            assert!(!contains(good), "{good}");
        }
    }
}
