//! Sessions: what an access token stands for.

use crate::{
    ChannelCode, ClientId, Confirmation, Locator, PolicyCode, Scopes, SecretDigest, Timestamp, Ttl,
    grant::GrantSubject,
};

/// Activity is written at most once in this time (DECISIONS 3.2).
pub const TOUCH_INTERVAL: Ttl = Ttl::from_secs(30);

/// A session and its access token: one row (DECISIONS 3.2).
#[derive(Clone, Debug)]
pub struct Session {
    /// The row's key, and the first part of the token.
    pub locator: Locator,
    /// Digest of the token's secret part.
    pub digest: SecretDigest,
    /// Whose token it is.
    pub client_id: ClientId,
    /// On whose behalf; `None` for a machine.
    pub subject: Option<GrantSubject>,
    /// What it may do.
    pub scopes: Scopes,
    /// For whom it is meant, besides the client.
    pub audience: Vec<String>,
    /// When it was opened.
    pub issued_at: Timestamp,
    /// The total limit.
    pub expires_at: Timestamp,
    /// The inactivity limit, if any.
    pub inactivity: Option<Ttl>,
    /// The last activity that was written.
    pub touched_at: Timestamp,
    /// The refresh family it belongs to, if any.
    pub family: Option<Locator>,
    /// Authentication context class.
    pub acr: Option<String>,
    /// Authentication methods.
    pub amr: Vec<String>,
    /// When the user, or the machine, proved itself.
    pub auth_time: Timestamp,
    /// The policy that was satisfied.
    pub policy: Option<PolicyCode>,
    /// The channel that was used.
    pub channel: Option<ChannelCode>,
    /// Name → value pairs about the authentication.
    pub context: Vec<(String, String)>,
    /// To whom its token is bound; `None`: whoever bears it may use it.
    pub confirmation: Option<Confirmation>,
}

impl Session {
    /// Whether it lives at `now`: before its total limit, and before its inactivity limit, which runs from the
    /// last *written* activity plus [`TOUCH_INTERVAL`], never earlier (DECISIONS 3.2).
    ///
    /// One that was opened further in the future than it is to live was opened by a clock that was wrong: it does not
    /// wait for its day.
    pub fn is_live(&self, now: Timestamp) -> bool {
        let unborn = self.issued_at.since(now) > self.expires_at.since(self.issued_at);
        let idle = |limit| self.touched_at.plus(TOUCH_INTERVAL).plus(limit).has_passed(now);
        !unborn && !self.expires_at.has_passed(now) && !self.inactivity.is_some_and(idle)
    }

    /// Whether activity at `now` is worth a write: the session has an inactivity limit and the last written
    /// activity is at least [`TOUCH_INTERVAL`] old.
    pub fn needs_touch(&self, now: Timestamp) -> bool {
        self.inactivity.is_some() && self.touched_at.plus(TOUCH_INTERVAL).has_passed(now)
    }
}
