//! Whether a client's certificate leads to an authority of the tenant, and was not revoked on the way (CONTRACT 2.1: trust
//! path, then revocation). Lists and responders are asked at the same time.

use std::sync::Arc;

use domain::{ChainProblem, OcspResponder, PeerCertificate, TenantId, Thumbprint, Timestamp, Ttl};
use jose::{Crls, Link, OcspAnswer, Path, Said, Standing, Window};

use crate::{
    extract::Call,
    fetch::{Held, Kept, Wanted, document::Document, target},
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
        Some(rules) => asked(call, rules, &path).await.judge(rules, &path, call.now)?,
    };
    chains.remember(facts, certificate, window);
    Ok(())
}

/// What is known of a chain when all that were asked have answered, or could not.
struct Known {
    lists: Vec<Option<Arc<Kept<Crls>>>>,
    /// By link; empty where the tenant names no responder.
    answers: Vec<Option<Arc<Kept<OcspAnswer>>>>,
    /// By the steady clock.
    asked_at: Timestamp,
}

impl Known {
    fn judge(&self, rules: &Revocation, path: &Path, now: Timestamp) -> Result<Window, ChainProblem> {
        let standings = |number: usize, link: Link<'_>| {
            let given = rules.given.iter().filter_map(|crls| link.listed(crls, now));
            let fetched = self.lists.iter().flatten();
            let fetched = fetched.filter_map(|kept| believed(kept, |lists| link.listed(lists, now)));
            let listed = given.chain(fetched).map(|said| said.standing);
            let lists = rules.has_lists().then(|| Standing::of_lists(listed));
            let answer = self.answers.get(number).map(|kept| {
                let said = |kept| believed(kept, |answer| link.answered(answer, now));
                kept.as_deref().and_then(said).map_or(Standing::Unknown, |said| said.standing)
            });
            lists.into_iter().chain(answer).collect()
        };
        let window = path.not_revoked(standings, rules.open, now)?;
        Ok(self.again_in().map_or(window, |soon| window.ending(now.plus(soon))))
    }

    /// When what was fetched will have been fetched again.
    fn again_in(&self) -> Option<Ttl> {
        let lists = self.lists.iter().map(|kept| fresh(kept.as_deref(), self.asked_at));
        let answers = self.answers.iter().map(|kept| fresh(kept.as_deref(), self.asked_at));
        lists.chain(answers).min()
    }
}

fn fresh<D: Document>(kept: Option<&Kept<D>>, now: Timestamp) -> Ttl {
    kept.map_or(Ttl::ZERO, |kept| kept.newest.fresh_for(now)).max(BRIEFLY)
}

/// What the newest that is signed as it should be says. Whoever can make the server fetch something else, or something
/// older, does not make it forget what it knows.
fn believed<D: Document>(kept: &Kept<D>, says: impl Fn(&D) -> Option<Said>) -> Option<Said> {
    let said = |held: &Arc<Held<D>>| Some((says(&held.document)?, Arc::clone(held)));
    let (said, held) = match (said(&kept.newest), kept.before.as_ref().and_then(said)) {
        (Some(newest), Some(before)) if before.0.from > newest.0.from => before,
        (Some(newest), _) => newest,
        (None, before) => before?,
    };
    held.counts();
    Some(said)
}

/// What a responder is asked about one link.
struct Question<'a> {
    link: Link<'a>,
    uri: String,
    request: Vec<u8>,
    of: String,
}

impl Question<'_> {
    fn wanted(&self, tenant: TenantId, private: bool) -> Wanted<'_> {
        Wanted { tenant, of: &self.of, uri: &self.uri, question: &self.request, private }
    }
}

fn list(uri: &str, tenant: TenantId, private: bool) -> Wanted<'_> {
    Wanted { tenant, of: uri, uri, question: &[], private }
}

/// Asks all that are to be asked, at once, and waits for them. What has run out by its own dates, or says nothing, is
/// asked for again before that is held against anyone.
async fn asked(call: &Call, rules: &Revocation, path: &Path) -> Known {
    let (outbound, asked_at) = (&call.app.outbound, call.app.clock.steady());
    let (tenant, private, now) = (call.facts.tenant.id, rules.private, call.now);
    let holds = |lists: &Crls| !lists.have_run_out(now);
    let fetch = |uri: &String| outbound.lists.prepare(&list(uri, tenant, private), holds, asked_at);
    let lists: Vec<_> = rules.uris.iter().map(fetch).collect();
    let ask = |question: &Question<'_>| {
        let said = |answer: &OcspAnswer| question.link.answered(answer, now);
        let holds = |answer: &OcspAnswer| said(answer).is_some_and(|said| now < said.until);
        outbound.answers.prepare(&question.wanted(tenant, private), holds, asked_at)
    };
    let links = rules.ocsp.iter().flat_map(|_responder| path.links());
    let questions: Vec<_> = links.map(|link| question(rules, link)).collect();
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

/// `None` where nobody can be asked: no responder is named, or the certificate names none that may be asked.
fn question<'a>(rules: &Revocation, link: Link<'a>) -> Option<Question<'a>> {
    let uri = match rules.ocsp.as_ref()? {
        OcspResponder::At(uri) => uri.clone(),
        OcspResponder::OfCertificate => {
            let mut named = link.ocsp_responders().into_iter();
            named.find(|uri| target::check_signed(uri, rules.private).is_ok())?
        }
    };
    let request = link.ocsp_request()?;
    let of = Thumbprint::of(&request).to_base64url();
    Some(Question { link, uri, request, of })
}
