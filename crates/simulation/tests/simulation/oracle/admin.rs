//! What an administrator's changes mean for what was granted.

use domain::{AdminWrite, AuthenticatorStatus, ClientId, UserId, UserStatus};

use super::Oracle;

impl Oracle {
    /// Follows a change that storage has taken.
    pub(crate) fn changed(&mut self, write: &AdminWrite) {
        self.done.changes += 1;
        match write {
            AdminWrite::UpdateUser(user) => self.set_user(user.id, user.status == UserStatus::Enabled),
            AdminWrite::RemoveClient(client) => self.remove_client(client),
            AdminWrite::InsertClient(client, _) => {
                self.clients.insert(client.client_id.clone());
            }
            AdminWrite::SetClientSecrets(client, _) => {
                self.failures.remove(client);
            }
            AdminWrite::SetPassword { user_id, credential, valid_until, .. } => {
                if let Some(password) = self.passwords.get_mut(user_id) {
                    password.version = credential.version;
                    password.chosen = credential.version;
                    password.valid_until = *valid_until;
                }
            }
            AdminWrite::ResetAuthenticator(user_id, _) => {
                if let Some(password) = self.passwords.get_mut(user_id) {
                    password.failed = 0;
                    password.locked_at = None;
                }
            }
            AdminWrite::UpdateAuthenticator { user_id, status, valid_until, .. } => {
                if let Some(password) = self.passwords.get_mut(user_id) {
                    password.enabled = *status == AuthenticatorStatus::Enabled;
                    password.valid_until = *valid_until;
                }
            }
            _ => {}
        }
    }

    fn set_user(&mut self, id: UserId, enabled: bool) {
        self.users.insert(id, enabled);
        if enabled {
            return;
        }
        // A log-in under way conflicts: see `AdminWrite::UpdateUser`.
        if let Some(password) = self.passwords.get_mut(&id) {
            password.version += 1;
        }
        let families: Vec<_> = self
            .families
            .iter()
            .filter(|(_, family)| family.user == id)
            .map(|(locator, _)| *locator)
            .collect();
        for family in families {
            self.end_family(&family);
        }
        self.drop_sessions(|session| session.user == Some(id));
    }

    fn remove_client(&mut self, client: &ClientId) {
        self.clients.remove(client);
        self.failures.remove(client);
        self.drop_sessions(|session| session.client == *client);
        self.drop_families(|family| family.client == *client);
    }
}
