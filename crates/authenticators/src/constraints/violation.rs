//! What is wrong with a password.

/// One constraint that a password violates. It never repeats any part of the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// `minLength`.
    TooShort {
        /// Characters it must have.
        min: usize,
    },
    /// `maxLength`.
    TooLong {
        /// Characters it may have.
        max: usize,
    },
    /// `minDiffChars`.
    TooFewDifferent {
        /// Different characters it must have.
        min: usize,
    },
    /// `characterRange` `onlyNum`.
    NotOnlyDigits,
    /// `characterRange` `numOrAlpha`.
    NotOnlyLettersAndDigits,
    /// `atLeastOneUp`.
    NoUpperCase,
    /// `atLeastOneLow`.
    NoLowerCase,
    /// `atLeastOneNum`.
    NoDigit,
    /// `atLeastOneSpecial`.
    NoSpecial,
    /// `notBlackListed`.
    BlackListed,
    /// `notOldPassword`.
    UsedBefore,
    /// `notUserAttribute`.
    UserAttribute,
    /// `notSequence`.
    Sequence,
}

impl Violation {
    /// What to do about it, for a person.
    pub fn message(self) -> String {
        let fixed = match self {
            Self::TooShort { min } => return format!("The password must have at least {min} characters."),
            Self::TooLong { max } => return format!("The password must have at most {max} characters."),
            Self::TooFewDifferent { min } => {
                return format!("The password must have at least {min} different characters.");
            }
            Self::NotOnlyDigits => "The password must be made of the digits 0 to 9 only.",
            Self::NotOnlyLettersAndDigits => "The password must be made of letters and digits only.",
            Self::NoUpperCase => "The password must have at least one upper-case letter.",
            Self::NoLowerCase => "The password must have at least one lower-case letter.",
            Self::NoDigit => "The password must have at least one of the digits 0 to 9.",
            Self::NoSpecial => {
                "The password must have at least one character that is neither letter nor digit."
            }
            Self::BlackListed => {
                "The password must not contain a commonplace word such as \"password\" or \"qwerty\"."
            }
            Self::UsedBefore => {
                "The password must not be the present one or one of the last eight before it."
            }
            Self::UserAttribute => {
                "The password must not contain the user's name, id, e-mail address or the like."
            }
            Self::Sequence => {
                "The password must not contain four characters in a row that ascend, descend or repeat (1234, dcba, 0000)."
            }
        };
        fixed.to_owned()
    }
}
