//! What a refresh must come to, by what was stored when it looked.

use domain::{ClientId, Locator, Scopes, Timestamp};

use super::{Family, Oracle, RETRY};

/// A refresh request as the model sees it.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) token: Locator,
    pub(crate) client: ClientId,
    /// What the client may have, by its registration as the node knows it.
    pub(crate) may: Scopes,
    pub(crate) scope: Option<Scopes>,
    pub(crate) no_token: bool,
    pub(crate) now: Timestamp,
}

impl Asked {
    /// What makes two requests the same one, tried again.
    pub(crate) fn binding(&self) -> String {
        let scope = self.scope.as_ref().map(Scopes::to_text);
        format!("{} {scope:?} {}", self.client, self.no_token)
    }
}

/// What was there at the look-up.
#[derive(Clone, Default)]
pub(crate) struct Seen {
    pub(crate) family: Option<(Locator, Family)>,
    pub(crate) user_enabled: bool,
}

/// What must come of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Nothing changes.
    Refused,
    /// New tokens.
    Fresh,
    /// The answer of the rotation: its refresh token and its session.
    Repeat(Locator, Locator),
    /// The family ends.
    Reuse,
}

impl Oracle {
    /// The family of a token, at this moment.
    pub(crate) fn family(&self, token: &Locator) -> Option<(Locator, Family)> {
        let locator = self.tokens.get(token)?;
        self.families.get(locator).map(|family| (*locator, family.clone()))
    }

    /// Whether the user of a family may log in, at this moment.
    pub(crate) fn user_enabled(&self, family: Option<&(Locator, Family)>) -> bool {
        family.and_then(|(_, family)| self.users.get(&family.user)).copied().unwrap_or_default()
    }

    /// Both at once.
    pub(crate) fn seen(&self, token: &Locator) -> Seen {
        let family = self.family(token);
        Seen { user_enabled: self.user_enabled(family.as_ref()), family }
    }
}

impl Seen {
    pub(crate) fn expected(&self, asked: &Asked) -> Expected {
        let Some((_, family)) = &self.family else { return Expected::Refused };
        let usable = family.client == asked.client
            && !family.ended
            && family.expires_at > asked.now
            && self.user_enabled;
        if !usable {
            return Expected::Refused;
        }
        if family.current == asked.token {
            let fits = |scope: &Scopes| {
                scope.iter().all(|value| family.scopes.contains(value) && asked.may.contains(value))
            };
            return if asked.scope.as_ref().is_none_or(fits) { Expected::Fresh } else { Expected::Refused };
        }
        match &family.rotation {
            Some(rotation)
                if family.previous == Some(asked.token)
                    && rotation.at.plus(RETRY) > asked.now
                    && rotation.binding == asked.binding() =>
            {
                Expected::Repeat(family.current, rotation.session)
            }
            _ => Expected::Reuse,
        }
    }
}
