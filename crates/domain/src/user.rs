//! End users.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{SubjectId, Timestamp, UserId};

/// Whether a user may log in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserStatus {
    /// They may.
    #[default]
    Enabled,
    /// They may not: reason 45 (CONTRACT 10.1).
    Disabled,
}

/// A user of a tenant (CONTRACT 11.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Internal id: a decimal number.
    pub id: UserId,
    /// The stable opaque id: `sub` in `openid`. Never equal to a client id.
    pub subject_id: SubjectId,
    /// Chosen by the integrator; unique in the tenant.
    pub external_id: Option<String>,
    /// What logs in: `sub` in `hid`; unique in the tenant; at most 255 bytes.
    pub user_name: String,
    /// Whether they may log in.
    pub status: UserStatus,
    /// Attributes such as `ATR_EMAIL`, `given_name`, `email_verified`.
    pub attributes: BTreeMap<String, String>,
    /// Group codes such as `UG_ROOT`.
    pub groups: BTreeSet<String>,
    /// Role codes.
    pub roles: BTreeSet<String>,
    /// Last change, for `updated_at`.
    pub updated_at: Timestamp,
}
