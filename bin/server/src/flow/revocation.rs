//! Whether a client's certificate leads to an authority of the tenant, and was not revoked on the way (CONTRACT 2.1: trust
//! path, then revocation). Lists and responders are asked at the same time.

use std::sync::Arc;

use domain::{ChainProblem, OcspResponder, PeerCertificate, TenantId, Thumbprint, Timestamp, Ttl};
use jose::{Link, Path, Standing, Window};

use crate::{
    extract::Call,
    fetch::{Answer, Held, Lists, Shelf, Wanted, document::Document},
    revocation::Revocation,
};

/// For how long, at least, a judgement stands that rests on what was fetched: meanwhile that is fetched again.
const BRIEFLY: Ttl = Ttl::from_secs(10);

/// What the tenant's truststore says of the certificate, and the revocation lists and responders that the tenant names.
///
/// # Errors
/// [`ChainProblem`].
pub(super) async fn judge(call: &Call, certificate: &PeerCertificate) -> Result<(), ChainProblem> {
    let (chains, facts) = (&call.app.chains, &call.facts);
    if chains.is_good(facts, certificate, call.now) {
        return Ok(());
    }
    let truststore = facts.truststore.as_ref().ok_or(ChainProblem::NoTruststore)?;
    let path = truststore.path(certificate, call.now)?;
    let window = match &facts.revocation {
        None => path.window(),
        Some(rules) => not_revoked(call, rules, &path).await?,
    };
    chains.remember(facts, certificate, window);
    Ok(())
}

/// What is known of a chain when all that were asked have answered, or could not.
struct Known {
    lists: Vec<Option<Arc<Held<Lists>>>>,
    /// By link; empty where the tenant names no responder.
    answers: Vec<Option<Arc<Held<Answer>>>>,
    /// By the steady clock.
    asked_at: Timestamp,
}

async fn not_revoked(call: &Call, rules: &Revocation, path: &Path) -> Result<Window, ChainProblem> {
    let questions = questions(rules, path);
    let known = asked(call, rules, &questions).await;
    match known.judge(rules, path, call.now) {
        // What is held may have run out by its own dates, although it could not be fetched again for a while.
        Err(ChainProblem::RevocationUnknown) if known.is_of_before() => {
            known.renewed(call, rules, &questions).await.judge(rules, path, call.now)
        }
        judged => judged,
    }
}

impl Known {
    fn judge(&self, rules: &Revocation, path: &Path, now: Timestamp) -> Result<Window, ChainProblem> {
        let standings = |number: usize, link: Link<'_>| {
            let fetched = self.lists.iter().flatten().map(|held| &held.document.crls);
            let listed = rules.given.iter().chain(fetched).map(|crls| link.listed(crls, now));
            let lists = rules.has_lists().then(|| Standing::of_lists(listed));
            let answer = self.answers.get(number).map(|held| {
                held.as_ref().map_or(Standing::Unknown, |held| link.answered(&held.document.ocsp, now))
            });
            lists.into_iter().chain(answer).collect()
        };
        let window = path.not_revoked(standings, rules.open, now)?;
        Ok(self.again_in().map_or(window, |soon| window.ending(now.plus(soon))))
    }

    /// When what was fetched will have been fetched again.
    fn again_in(&self) -> Option<Ttl> {
        let lists = self.lists.iter().map(|held| fresh(held.as_deref(), self.asked_at));
        let answers = self.answers.iter().map(|held| fresh(held.as_deref(), self.asked_at));
        lists.chain(answers).min()
    }

    /// Whether anything of it was fetched for an earlier request.
    fn is_of_before(&self) -> bool {
        let lists = self.lists.iter().flatten().map(|held| held.is_fetched_since(self.asked_at));
        let answers = self.answers.iter().flatten().map(|held| held.is_fetched_since(self.asked_at));
        !lists.chain(answers).all(std::convert::identity)
    }

    /// The same with what was fetched for earlier requests fetched again.
    async fn renewed(&self, call: &Call, rules: &Revocation, questions: &[Option<Question>]) -> Self {
        let (outbound, tenant) = (&call.app.outbound, call.facts.tenant.id);
        let mut known = Self { lists: Vec::new(), answers: Vec::new(), asked_at: self.asked_at };
        for (uri, held) in rules.uris.iter().zip(&self.lists) {
            let wanted = list(uri, tenant, rules.private);
            known.lists.push(renewed(&outbound.lists, &wanted, held.clone(), self.asked_at).await);
        }
        for (question, held) in questions.iter().zip(&self.answers) {
            known.answers.push(match question {
                Some(question) => {
                    let wanted = question.wanted(tenant, rules.private);
                    renewed(&outbound.answers, &wanted, held.clone(), self.asked_at).await
                }
                None => None,
            });
        }
        known
    }
}

async fn renewed<D: Document>(
    shelf: &Shelf<D>,
    wanted: &Wanted<'_>,
    held: Option<Arc<Held<D>>>,
    now: Timestamp,
) -> Option<Arc<Held<D>>> {
    let held = held?;
    if held.is_fetched_since(now) {
        return Some(held);
    }
    shelf.newer(wanted, &held, now).await.or(Some(held))
}

fn fresh<D: Document>(held: Option<&Held<D>>, now: Timestamp) -> Ttl {
    held.map_or(Ttl::ZERO, |held| held.fresh_for(now)).max(BRIEFLY)
}

/// What a responder is asked about one link.
struct Question {
    uri: String,
    request: Vec<u8>,
    of: String,
}

impl Question {
    fn wanted(&self, tenant: TenantId, private: bool) -> Wanted<'_> {
        Wanted { tenant, of: &self.of, uri: &self.uri, question: &self.request, private }
    }
}

fn list(uri: &str, tenant: TenantId, private: bool) -> Wanted<'_> {
    Wanted { tenant, of: uri, uri, question: &[], private }
}

/// Asks all that are to be asked, at once, and waits for them.
async fn asked(call: &Call, rules: &Revocation, questions: &[Option<Question>]) -> Known {
    let (outbound, asked_at) = (&call.app.outbound, call.app.clock.steady());
    let (tenant, private) = (call.facts.tenant.id, rules.private);
    let fetch = |uri: &String| outbound.lists.prepare(&list(uri, tenant, private), asked_at);
    let lists: Vec<_> = rules.uris.iter().map(fetch).collect();
    let ask = |question: &Question| outbound.answers.prepare(&question.wanted(tenant, private), asked_at);
    let answers: Vec<_> = questions.iter().map(|question| question.as_ref().map(ask)).collect();
    let mut known = Known { lists: Vec::new(), answers: Vec::new(), asked_at };
    for (uri, prepared) in rules.uris.iter().zip(lists) {
        let wanted = list(uri, tenant, private);
        known.lists.push(outbound.lists.prepared(&wanted, prepared, asked_at).await);
    }
    for (question, prepared) in questions.iter().zip(answers) {
        known.answers.push(match question.as_ref().zip(prepared) {
            Some((question, prepared)) => {
                let wanted = question.wanted(tenant, private);
                outbound.answers.prepared(&wanted, prepared, asked_at).await
            }
            None => None,
        });
    }
    known
}

/// What is asked about each link; nothing where the tenant names no responder.
fn questions(rules: &Revocation, path: &Path) -> Vec<Option<Question>> {
    let links = rules.ocsp.iter().flat_map(|_responder| path.links());
    links.map(|link| question(rules, link)).collect()
}

/// `None` where nobody can be asked: no responder is named, or the certificate names none.
fn question(rules: &Revocation, link: Link<'_>) -> Option<Question> {
    let uri = match rules.ocsp.as_ref()? {
        OcspResponder::At(uri) => uri.clone(),
        OcspResponder::OfCertificate => link.ocsp_responder()?,
    };
    let request = link.ocsp_request()?;
    let of = Thumbprint::of(&request).to_base64url();
    Some(Question { uri, request, of })
}
