//! What a session or a family knows of its grant and is read only as a whole: one JSON document.

use domain::{ChannelCode, Confirmation, GrantSubject, Layout, PolicyCode, SubjectId, UserId};
use serde::{Deserialize, Serialize};

use super::{from_json, to_json};
use crate::failure::{Result, sound};

/// Rarely more than a few members, and none at all for most machines.
#[derive(Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Facts {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) subject_id: Option<SubjectId>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) audience: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) acr: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) amr: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) policy: Option<PolicyCode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) channel: Option<ChannelCode>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) context: Vec<(String, String)>,
    /// None: the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) layout: Option<Layout>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cnf: Option<Confirmation>,
}

impl Facts {
    /// With the user's names as they were at the log-in.
    pub(super) fn about(mut self, subject: Option<&GrantSubject>) -> Self {
        self.user_name = subject.map(|subject| subject.user_name.clone());
        self.subject_id = subject.map(|subject| subject.subject_id.clone());
        self
    }

    /// The user, whose id has a column of its own.
    pub(super) fn subject(&mut self, user_id: i64) -> Result<GrantSubject> {
        Ok(GrantSubject {
            user_id: UserId::new(user_id),
            user_name: sound(self.user_name.take(), "facts.user_name")?,
            subject_id: sound(self.subject_id.take(), "facts.subject_id")?,
        })
    }

    /// The document; `None` when there is nothing to say.
    pub(super) fn stored(&self) -> Result<Option<String>> {
        if *self == Self::default() { Ok(None) } else { to_json(self).map(Some) }
    }

    /// Reads a document.
    pub(super) fn read(stored: Option<&str>) -> Result<Self> {
        stored.map_or_else(|| Ok(Self::default()), |text| from_json(text, "facts"))
    }
}
