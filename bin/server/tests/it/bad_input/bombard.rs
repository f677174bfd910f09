//! Sends generated requests and judges the answers.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    super::support::raw::{Answer, Talk},
    generator::{self, Known, Random, Request, Shape},
};

/// How it went.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) sent: usize,
    /// By status; 0 is a connection that ended, where that is allowed.
    pub(super) statuses: BTreeMap<u16, usize>,
}

impl Tally {
    fn count(&mut self, status: u16) {
        self.sent += 1;
        *self.statuses.entry(status).or_default() += 1;
    }

    pub(super) fn add(&mut self, other: Self) {
        self.sent += other.sent;
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
    }
}

/// Sends generated requests one after the other, over one connection as long as it lasts.
pub(super) fn bombard(url: &str, seed: u64, count: usize) -> Tally {
    let (mut random, mut known, mut tally) = (Random::new(seed), Known::default(), Tally::default());
    let mut kept: Option<Talk> = None;
    for number in 0..count {
        let request = generator::request(&mut random, &known);
        let Shape::WellFormed(to_head) = request.shape else {
            tally.count(status_of_broken(url, &request));
            continue;
        };
        let mut talk = kept.take().unwrap_or_else(|| Talk::open(url));
        talk.say(&request.bytes);
        let Some(answer) = talk.answer(to_head) else {
            panic!("seed {seed:#x}, request {number}: no answer to\n{}", shown(&request.bytes));
        };
        if let Err(wrong) = judge(&answer, to_head) {
            panic!("seed {seed:#x}, request {number}: {wrong} in {answer:?}\nto\n{}", shown(&request.bytes));
        }
        known.learn(&answer.json());
        tally.count(answer.status);
        if !answer.closes() {
            kept = Some(talk);
        }
    }
    tally
}

fn status_of_broken(url: &str, request: &Request) -> u16 {
    let mut talk = Talk::open(url);
    talk.say(&request.bytes);
    if request.shape == Shape::BrokenOff(false) {
        return 0;
    }
    talk.finish();
    let status = talk.answer(false).map_or(0, |answer| answer.status);
    // A body that nothing is read from may break off unnoticed.
    let whole = request.shape != Shape::Malformed && [200, 204].contains(&status);
    let fine = whole || status == 0 || (400..500).contains(&status);
    assert!(fine, "{status} to {:?}\n{}", request.shape, shown(&request.bytes));
    status
}

fn judge(answer: &Answer, to_head: bool) -> Result<(), &'static str> {
    if answer.header("x-correlation-id").is_empty() {
        return Err("no correlation id");
    }
    match answer.status {
        200 | 204 => return Ok(()),
        400..500 => {}
        503 if answer.header("retry-after").parse::<u32>().is_ok() => {}
        _ => return Err("the wrong status"),
    }
    if answer.status == 429 && answer.header("retry-after").parse::<u32>().is_err() {
        return Err("429 without Retry-After");
    }
    if answer.status == 401 && answer.header("www-authenticate").is_empty() {
        return Err("401 without a challenge");
    }
    if answer.header("cache-control") != "no-store" {
        return Err("a refusal that may be stored");
    }
    let body = answer.json();
    let complete = body["error"].is_string()
        && body["error_description"].is_string()
        && body["access_token"] == Value::Null;
    if complete || to_head { Ok(()) } else { Err("an incomplete refusal") }
}

fn shown(bytes: &[u8]) -> String {
    bytes
        .iter()
        .take(3_000)
        .flat_map(|byte| std::ascii::escape_default(*byte))
        .map(char::from)
        .collect::<String>()
        .replace("\\r\\n", "\n")
}
