//! Slow comparisons, each done once however often a decision is made again.

use std::sync::Arc;

use domain::{
    Fault, Secret,
    port::{PasswordHash, SecretHasher as _, Verified},
};

use crate::extract::Call;

/// What a slow hash was found to say, and the same secret under today's parameters where those have changed.
type Finding = (Verified, Option<PasswordHash>);

/// A presented secret, compared once: a conflict looks at the counters again, not at the secret, unless another hash
/// is stored by then.
#[derive(Default)]
pub struct Comparison {
    done: Option<(Option<PasswordHash>, Finding)>,
}

impl Comparison {
    /// Compares `secret` with `hash` (`None`: the same work against a dummy) in the hashing lane.
    ///
    /// # Errors
    /// [`Fault::Busy`] when the lane is full, those of the hasher.
    pub async fn with(
        &mut self,
        call: &Call,
        secret: &Secret,
        hash: Option<PasswordHash>,
    ) -> Result<Finding, Fault> {
        let known = self.done.take().filter(|(seen, _)| *seen == hash);
        let finding = match known {
            Some((_, finding)) => finding,
            None => compare(call, secret, hash.clone()).await?,
        };
        self.done = Some((hash, finding.clone()));
        Ok(finding)
    }
}

async fn compare(call: &Call, secret: &Secret, hash: Option<PasswordHash>) -> Result<Finding, Fault> {
    let hasher = Arc::clone(&call.app.hasher);
    let secret = Secret::new(secret.expose().to_owned());
    let job = move || {
        let verified = hasher.verify(&secret, hash.as_ref())?;
        let rehash = (verified.matches && verified.outdated).then(|| hasher.hash(&secret)).transpose()?;
        Ok::<_, Fault>((verified, rehash))
    };
    let tenant = call.facts.tenant.id;
    let in_vain = |found: &Result<Finding, Fault>| found.as_ref().is_ok_and(|found| !found.0.matches);
    call.app.hashing.run(tenant, job, in_vain).await?
}
