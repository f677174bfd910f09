//! The scheduler: the seed decides what happens next, until something is broken or the run is over.

use std::rc::Rc;

use domain::port::{AuthenticatorLookup as _, PolicyLookup as _, SessionLookup as _, UserLookup as _};
use domain::{
    AdminWrite, Applied, AuthenticatedClient, AuthenticatorStatus, Client, Timestamp, TokenKind, Ttl,
    UserStatus,
};
use oidc_core::grant::refresh_token::{self, Decision};
use oidc_core::introspect;
use oidc_core::token::TokenRequest;
use testkit::policy_code;

use crate::call::{Call, check};
use crate::embedded;
use crate::flow::{self, Refresh};
use crate::oracle::Done;
use crate::party::{Credentials, Known, name};
use crate::planted::Planted;
use crate::random::Random;
use crate::world::{POLICY, World, next_password, note, password, with_status};

/// Things that happen in one run.
const STEPS: usize = 150;
/// Most requests under way at once.
const CROWD: usize = 6;
/// `app`, `other` and `spa`; `machine` and `legacy`; see `World::people`.
const APPLICATIONS: [usize; 3] = [0, 1, 3];
const MACHINES: [usize; 2] = [2, 4];
const AUDITOR: usize = 2;

/// What a run came to.
pub(crate) struct Run {
    pub(crate) broken: Option<String>,
    pub(crate) trace: Vec<String>,
    pub(crate) done: Done,
}

/// Runs one seed; the same seed always does the same.
pub(crate) fn run(seed: u64, traced: bool) -> Run {
    run_with(seed, traced, Planted::Nothing)
}

/// The same over a database or engine that breaks a rule.
pub(crate) fn run_with(seed: u64, traced: bool, planted: Planted) -> Run {
    let world = Rc::new(World::new(seed, traced, planted));
    let auditor = auditor(&world);
    for _ in 0..STEPS {
        event(&world, &auditor);
        settle(&world);
        if world.verdict().is_some() {
            break;
        }
    }
    while world.tasks.len() > 0 && world.verdict().is_none() {
        world.tasks.step(world.choose(|random| random.below(world.tasks.len())));
        settle(&world);
    }
    if world.verdict().is_none() {
        for known in world.known.borrow().clone() {
            probe(&world, &auditor, &known);
        }
    }
    // What is under way holds on to the world.
    for node in 0..world.nodes.len() {
        world.tasks.crash(node);
    }
    let done = world.oracle.borrow().done;
    Run { broken: world.verdict(), trace: world.trace(), done }
}

/// What always holds between two steps.
fn settle(world: &World) {
    let stored = (world.store.session_count(), world.store.family_count());
    let model = world.oracle.borrow().rows();
    check(
        world,
        stored == model,
        &format!("{stored:?} sessions and families are stored, the model has {model:?}"),
    );
}

/// The client that may ask about every access token, proved before anything happens.
fn auditor(world: &Rc<World>) -> AuthenticatedClient {
    let party = &world.parties[AUDITOR];
    let call = Call::new(world, 0, AUDITOR);
    let presented = party.presented(&Credentials::Own { right: true });
    call.at_once(&presented).unwrap()
}

fn event(world: &Rc<World>, auditor: &AuthenticatedClient) {
    match world.choose(|random| random.below(100)) {
        0..=54 if world.tasks.len() > 0 => {
            world.tasks.step(world.choose(|random| random.below(world.tasks.len())));
        }
        0..=77 if world.tasks.len() < CROWD => start(world),
        78..=84 => {
            let by = world.choose(moment);
            world.advance(by);
            note!(world, "the clock moves by {} ms", by.millis());
        }
        85..=86 => {
            let node = world.choose(|random| random.below(2));
            world.nodes[node].forget();
            world.database.crashed(&world.store);
            let lost = world.tasks.crash(node);
            world.oracle.borrow_mut().done.crashes += 1;
            note!(world, "node {node} crashes with {lost} requests");
        }
        87..=88 => {
            let now = world.now();
            world.store.expire(now);
            world.oracle.borrow_mut().expire(now);
            note!(world, "what has expired goes");
        }
        89..=92 => administer(world),
        _ => {
            for _ in 0..3 {
                if let Some(one) = latest(world, |_| true) {
                    probe(world, auditor, &one);
                }
            }
        }
    }
}

/// How long nothing happens: mostly a moment, sometimes the length of some limit.
fn moment(random: &mut Random) -> Ttl {
    let upto = |random: &mut Random, millis: usize| i64::try_from(random.below(millis)).unwrap();
    Ttl::from_millis(match random.below(100) {
        0..=59 => upto(random, 2_000),
        60..=84 => 2_000 + upto(random, 10_000),
        85..=89 => 10_000,
        90..=97 => 30_000 + upto(random, 90_000),
        _ => 300_000 + upto(random, 1_000_000),
    })
}

fn start(world: &Rc<World>) {
    let node = world.choose(|random| random.below(2));
    // Access tokens above all: their sessions note activity.
    let access = world.choose(|random| random.chance(70));
    let token = latest(world, |known| !access || known.kind == TokenKind::Access);
    let kind = world.choose(|random| random.below(100));
    match (kind, latest(world, |known| known.kind == TokenKind::Refresh), token) {
        (0..=49, Some(token), _) => refresh(world, node, token),
        (50..=63, _, Some(token)) => {
            let (call, with) = about(world, node, &token);
            world.tasks.start(node, flow::introspect(call, with, token));
        }
        (64..=66, _, Some(token)) => {
            let (call, with) = about(world, node, &token);
            world.tasks.start(node, flow::revoke(call, with, token));
        }
        (0..=86, ..) => login(world, node),
        _ => {
            let party = world.choose(|random| *random.pick(&MACHINES));
            let (call, with) = (Call::new(world, node, party), proof(world, party, 35));
            if world.choose(|random| random.chance(40)) {
                world.tasks.start(node, embedded::machine(call, with));
            } else {
                world.tasks.start(node, flow::machine(call, with));
            }
        }
    }
}

/// One of the tokens that fit, more often a late one.
fn latest(world: &World, fits: impl Fn(&Known) -> bool) -> Option<Known> {
    let known = world.known.borrow();
    let fitting: Vec<&Known> = known.iter().filter(|known| fits(known)).collect();
    (!fitting.is_empty()).then(|| fitting[world.choose(|random| random.late(fitting.len()))].clone())
}

/// Somebody who asks about a token, or wants it to end: its client, mostly.
fn about(world: &Rc<World>, node: usize, token: &Known) -> (Call, Credentials) {
    let stranger = world.choose(|random| random.chance(20));
    let party = if stranger { world.choose(|random| random.below(world.parties.len())) } else { token.party };
    (Call::new(world, node, party), proof(world, party, 5))
}

/// What a client presents: a wrong secret so many times in a hundred.
fn proof(world: &World, party: usize, wrong: usize) -> Credentials {
    let bearer = MACHINES.contains(&party) && world.choose(|random| random.chance(30));
    let own = latest(world, |known| known.party == party && known.kind == TokenKind::Access);
    match own.filter(|_| bearer) {
        Some(token) => Credentials::Bearer(token.text),
        None => Credentials::Own { right: !world.choose(|random| random.chance(wrong)) },
    }
}

fn login(world: &Rc<World>, node: usize) {
    let party = world.choose(|random| *random.pick(&APPLICATIONS));
    let user = world.choose(|random| random.pick(&world.users).clone());
    let chosen = world.oracle.borrow().passwords[&user.id].chosen;
    // A wrong one is that of another time: right once, or soon.
    let chosen = if world.choose(|random| random.chance(65)) { chosen } else { chosen + 1 };
    let (call, with) = (Call::new(world, node, party), proof(world, party, 3));
    call.says(&format!("logs {} in with password {chosen}", user.user_name));
    let password = password(&user, chosen);
    world.tasks.start(node, flow::login(call, with, user.user_name, password));
}

fn refresh(world: &Rc<World>, node: usize, token: Known) {
    let stranger = world.choose(|random| random.chance(8));
    let party = if stranger { world.choose(|random| *random.pick(&APPLICATIONS)) } else { token.party };
    let scope = match world.choose(|random| random.below(10)) {
        0 => Some("openid"),
        1 => Some("openid profile"),
        _ => None,
    };
    let hid = world.profile == domain::ProfileName::Hid;
    let no_token = hid && world.choose(|random| random.chance(8));
    let (call, with) = (Call::new(world, node, party), proof(world, party, 3));
    call.says(&format!("refreshes {} (scope {scope:?}, noToken {no_token})", name(&token.locator)));
    let refresh = Refresh { token, scope, no_token };
    if world.rotate && world.choose(|random| random.chance(40)) {
        world.tasks.start(node, embedded::refresh(call, with, refresh));
    } else {
        world.tasks.start(node, flow::refresh(call, with, refresh));
    }
}

fn administer(world: &World) {
    let user = world.choose(|random| random.pick(&world.users).clone());
    let policy = policy_code(POLICY);
    let stored = world.store.clone().authenticator(user.id, &policy).unwrap().unwrap();
    let (user_id, now) = (user.id, world.now());
    let writes = match world.choose(|random| random.below(9)) {
        0 => AdminWrite::UpdateUser(with_status(&user, UserStatus::Disabled)),
        1 | 2 => AdminWrite::UpdateUser(with_status(&user, UserStatus::Enabled)),
        3 => {
            let (credential, valid_until) = (next_password(&user, &stored), now.plus(Ttl::from_days(1)));
            AdminWrite::SetPassword { user_id, policy, credential, valid_until }
        }
        4 => AdminWrite::ResetAuthenticator(user_id, policy),
        5 => {
            let (status, valid_until) = world.choose(|random| dates(random, now));
            let valid_from = stored.valid_from;
            AdminWrite::UpdateAuthenticator { user_id, policy, status, valid_from, valid_until }
        }
        6 => {
            let mut policy = world.store.clone().policy(&policy).unwrap().unwrap();
            policy.total_seconds = *world.choose(|random| *random.pick(&[&60, &300, &900]));
            policy.inactivity_seconds = *world.choose(|random| *random.pick(&[&30, &120, &0]));
            policy.disable_threshold = *world.choose(|random| *random.pick(&[&2, &3, &-1]));
            AdminWrite::PutPolicy(policy)
        }
        _ => client_change(world),
    };
    let applied = world.store.admin(std::slice::from_ref(&writes));
    check(world, applied == Applied::Committed, "an administrator's change conflicts with nothing");
    world.oracle.borrow_mut().changed(&writes);
    if world.traces() {
        let words = format!("{writes:?}");
        let end = words.char_indices().nth(90).map_or(words.len(), |(at, _)| at);
        note!(world, "the administrator: {}", &words[..end]);
    }
}

/// Mostly an authenticator as it should be; else one that is disabled or over.
fn dates(random: &mut Random, now: Timestamp) -> (AuthenticatorStatus, Timestamp) {
    let never = Timestamp::from_millis(i64::MAX);
    match random.below(4) {
        0 => (AuthenticatorStatus::Disabled, never),
        1 => (AuthenticatorStatus::Enabled, now),
        _ => (AuthenticatorStatus::Enabled, never),
    }
}

/// A client is disabled, loses scopes, gets everything back, or is removed and registered again.
fn client_change(world: &World) -> AdminWrite {
    let party = world.choose(|random| random.pick(&APPLICATIONS)).to_owned();
    let party = &world.parties[party];
    let with = |change: fn(&mut Client)| {
        let mut client = party.client.clone();
        change(&mut client);
        AdminWrite::UpdateClient(Box::new(client))
    };
    if !world.oracle.borrow().knows(&party.id) {
        return AdminWrite::InsertClient(Box::new(party.client.clone()), party.secrets.clone());
    }
    match world.choose(|random| random.below(6)) {
        0 => with(|client| client.enabled = false),
        1 => with(|client| client.scopes = testkit::scopes("openid offline_access")),
        2 => AdminWrite::RemoveClient(party.id.clone()),
        _ => with(|_| ()),
    }
}

/// Holds a token against the model, without changing anything: is it alive exactly when it should be?
fn probe(world: &World, auditor: &AuthenticatedClient, known: &Known) {
    let (now, presented) = (world.now(), known.presented());
    let profile = domain::WireProfile::named(world.profile);
    let (alive, expected) = if known.kind == TokenKind::Access {
        let session = world.store.clone().session(&known.locator).unwrap();
        // Whether its client is enabled is not what the model knows of a session.
        let owner = Some(known.owner.client());
        let found = session.as_ref().map(|session| introspect::Found { session, owner });
        let decision =
            introspect::access(auditor, &presented, found, &world.issuer, &profile, &world.env(now));
        (decision.answer["active"] == true, world.oracle.borrow().is_active(&known.locator, now))
    } else {
        let stored = world.refresh(&known.locator);
        let user = stored
            .as_ref()
            .and_then(|stored| world.store.clone().user(stored.family.subject.user_id).unwrap());
        let form = flow::params(&[("grant_type", "refresh_token"), ("refresh_token", &known.text)]);
        let request = TokenRequest::parse(&form, &profile).unwrap();
        let facts = refresh_token::Facts {
            stored: stored.as_ref(),
            user: user.as_ref(),
            policy: None,
            settings: &world.store.settings().0,
            sender: &oidc_core::sender::Sender::default(),
        };
        let env = world.env(now);
        let decision = refresh_token::resolve(&known.owner, &request, &presented, facts, &profile, &env);
        (matches!(decision, Ok(Decision::Refresh(_))), world.oracle.borrow().is_current(&known.locator, now))
    };
    check(
        world,
        alive == expected,
        &format!("{} is alive: {alive}; expected: {expected}", name(&known.locator)),
    );
}
