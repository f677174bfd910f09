//! `[[users]]`

use std::collections::{BTreeMap, BTreeSet};

use domain::{SubjectId, UserStatus, WireProfile, profile::SubjectForm};
use toml::Spanned;

use super::{DesiredClient, DesiredUser, Scene, authenticators};
use crate::tenant_file::{
    document::{StatusDoc, UserDoc},
    problem::{Place, Problems},
};

pub(super) fn check(
    docs: Vec<Spanned<UserDoc>>,
    scene: Scene<'_>,
    clients: &[DesiredClient],
    problems: &mut Problems<'_>,
) -> Vec<DesiredUser> {
    let mut taken = Taken::new(&docs, scene, clients);
    let mut users = Vec::new();
    for doc in docs {
        let place = Place::new(doc.span().start, format!("user {}", doc.get_ref().user_name));
        let doc = doc.into_inner();
        let fits = super::is_name(&doc.user_name);
        problems.check(fits, &place, "user_name", "must have 1 to 255 bytes and no control characters");
        let subject_id = subject(&doc, scene, &place, problems);
        taken.check(&doc, &place, problems);
        super::names(&doc.groups, &place, "groups", problems);
        super::names(&doc.roles, &place, "roles", problems);
        super::attributes(&doc.attributes, &place, problems);
        let authenticators = authenticators::check(&doc, scene, problems);
        users.push(DesiredUser {
            user_name: doc.user_name,
            external_id: doc.external_id,
            subject_id,
            status: doc.status.map(status),
            attributes: doc.attributes,
            groups: doc.groups,
            roles: doc.roles,
            authenticators,
        });
    }
    users
}

const fn status(status: StatusDoc) -> UserStatus {
    match status {
        StatusDoc::Enabled => UserStatus::Enabled,
        StatusDoc::Disabled => UserStatus::Disabled,
    }
}

/// A subject id is for ever: relying parties know the user by it (OpenID Connect Core §2).
fn subject(doc: &UserDoc, scene: Scene<'_>, place: &Place, problems: &mut Problems<'_>) -> Option<SubjectId> {
    let text = doc.subject_id.as_deref()?;
    let subject = SubjectId::parse(text);
    problems.check(
        subject.is_some(),
        place,
        "subject_id",
        "must have 1 to 255 bytes and no control characters",
    );
    let stored = scene.around.stored.users.get(&doc.user_name);
    let same = stored.is_none_or(|stored| stored.user.subject_id.as_str() == text);
    problems.check(same, place, "subject_id", "never changes once the user exists");
    subject
}

/// What must be there once only.
struct Taken {
    names: BTreeSet<String>,
    external_ids: BTreeMap<String, String>,
    subject_ids: BTreeMap<String, String>,
    client_ids: BTreeSet<String>,
    /// Whether users stand in tokens by their names.
    by_name: bool,
}

impl Taken {
    /// What stays although the file does not name it is taken already.
    fn new(docs: &[Spanned<UserDoc>], scene: Scene<'_>, clients: &[DesiredClient]) -> Self {
        let named: BTreeSet<&str> = docs.iter().map(|doc| doc.get_ref().user_name.as_str()).collect();
        let stored = scene.around.stored;
        let staying = stored.users.values().map(|stored| &stored.user);
        let staying = staying.filter(|user| !scene.around.prune && !named.contains(user.user_name.as_str()));
        let mut external_ids = BTreeMap::new();
        let mut subject_ids = BTreeMap::new();
        for user in staying {
            external_ids.extend(user.external_id.clone().map(|id| (id, user.user_name.clone())));
            subject_ids.insert(user.subject_id.as_str().to_owned(), user.user_name.clone());
        }
        let clients = clients.iter().map(|desired| desired.client.client_id.as_str().to_owned());
        let stored_clients = stored.clients.keys().map(|id| id.as_str().to_owned());
        let client_ids = clients.chain(stored_clients).collect();
        let by_name = WireProfile::effective(scene.settings.profile, None).subject == SubjectForm::UserName;
        Self { names: BTreeSet::new(), external_ids, subject_ids, client_ids, by_name }
    }

    fn check(&mut self, doc: &UserDoc, place: &Place, problems: &mut Problems<'_>) {
        problems.check(self.names.insert(doc.user_name.clone()), place, "user_name", "is named twice");
        let clear = !self.by_name || !self.client_ids.contains(&doc.user_name);
        problems.check(clear, place, "user_name", "must not be a client_id: tokens name both alike in hid");
        if let Some(id) = &doc.external_id {
            problems.check(super::is_name(id), place, "external_id", "must have 1 to 255 bytes");
            if let Some(owner) = self.external_ids.insert(id.clone(), doc.user_name.clone()) {
                problems.add(place, "external_id", format!("is the external_id of user {owner} already"));
            }
        }
        if let Some(id) = &doc.subject_id {
            if let Some(owner) = self.subject_ids.insert(id.clone(), doc.user_name.clone()) {
                problems.add(place, "subject_id", format!("is the subject_id of user {owner} already"));
            }
            problems.check(!self.client_ids.contains(id), place, "subject_id", "must not be a client_id");
        }
    }
}
