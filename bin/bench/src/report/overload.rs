//! The table of rushes, and what it has to show.

use serde_json::{Value, json};

use crate::bars::Bar;
use crate::chapter::Chapter;
use crate::load::crowd::{Answers, PATIENCE};
use crate::load::histogram::Histogram;
use crate::overload::{BACK, CONNECTIONS, RUSHES, Rush};
use crate::samples::median;

/// What may be added to the memory while a rush goes on, from a tenth of it to its end, MB.
const FLAT: f64 = 10.0;

/// What a rush may add at most, its connections included, MB.
const MOST: f64 = 100.0;

type Cell = (&'static str, fn(&[Rush]) -> String);

/// What is told of each kind of rush: medians of the runs.
const ROWS: [Cell; 22] = [
    ("capacity before, per s", |rushes| number(rushes, |rush| rush.capacity)),
    ("due per s", |rushes| rate(rushes, |rush| rush.heard.due)),
    ("sent per s", |rushes| rate(rushes, |rush| rush.heard.sent)),
    ("200 per s", |rushes| rate(rushes, |rush| within(rush, 200))),
    ("503 per s", |rushes| rate(rushes, |rush| within(rush, 503))),
    ("other answers", |rushes| count(rushes, |rush| rush.heard.others())),
    ("connections broken", |rushes| count(rushes, |rush| rush.heard.broken)),
    ("requests lost with them", |rushes| count(rushes, |rush| rush.heard.lost)),
    ("never answered", |rushes| count(rushes, |rush| rush.heard.unanswered)),
    ("200, from sent, ms", |rushes| latencies(rushes, 200, |answers| &answers.from_sent)),
    ("503, from sent, ms", |rushes| latencies(rushes, 503, |answers| &answers.from_sent)),
    ("200, from due, ms", |rushes| latencies(rushes, 200, |answers| &answers.from_due)),
    ("503, from due, ms", |rushes| latencies(rushes, 503, |answers| &answers.from_due)),
    ("MB before", |rushes| number(rushes, |rush| rush.before)),
    ("MB after a tenth", |rushes| number(rushes, tenth)),
    ("MB at the middle", |rushes| number(rushes, |rush| at(rush, rush.during.len() / 2))),
    ("MB at the end", |rushes| number(rushes, last)),
    ("MB afterwards", |rushes| number(rushes, |rush| rush.after)),
    ("capacity is back after ms", |rushes| number(rushes, |rush| rush.back)),
    ("rate afterwards, share", |rushes| format!("{:.2}", median(rushes.iter().map(|rush| rush.again)))),
    ("looks, p99 ms", |rushes| number(rushes, |rush| rush.heard.looks.quantile(0.99))),
    ("others %", |rushes| number(rushes, |rush| rush.others * 100.0)),
];

/// Tells all of it. Bars are for the last kind of rush, and for the worst run of it.
pub(crate) fn chapter(rushes: &[Vec<Rush>; 2]) -> Chapter {
    let [twice, ten] = rushes;
    let row = |(name, cell): Cell| vec![name.to_owned(), cell(twice), cell(ten)];
    let seconds = ten.first().map_or(0.0, |rush| rush.seconds);
    Chapter {
        name: "overload",
        words: format!(
            "`client_credentials` asked for by a timetable over {CONNECTIONS} connections of one request at a time, for \
             {seconds:.0} s at {:.0} times the capacity; who finds no free connection within {} s gives up. Medians of {} \
             runs; latencies are p50 / p99 / longest:",
            RUSHES[1].0,
            PATIENCE.as_secs(),
            ten.len(),
        ),
        head: &["", "twice the capacity", "ten times"],
        rows: ROWS.into_iter().map(row).collect(),
        bars: bars(ten),
        details: rushes.iter().zip(RUSHES).map(|(runs, (times, _))| details(times, runs)).collect(),
    }
}

fn bars(ten: &[Rush]) -> Vec<Bar> {
    let worst = |of: fn(&Rush) -> f64| ten.iter().map(of).reduce(f64::max);
    vec![
        Bar::at_most(
            "ten times: p99 of answers at most 100 ms after they were asked for".to_owned(),
            worst(|rush| share(rush, 200)),
            100.0,
        ),
        Bar::at_most(
            "ten times: p99 of 503 at most 100 ms after it was asked for".to_owned(),
            worst(|rush| share(rush, 503)),
            100.0,
        ),
        Bar::at_most(
            "ten times: no other answer, none missing, no connection broken".to_owned(),
            worst(|rush| whole(rush.heard.others() + rush.heard.unanswered + rush.heard.broken)),
            0.0,
        ),
        Bar::at_most(
            format!("ten times: at most {FLAT:.0} MB more at the end than after a tenth"),
            worst(|rush| last(rush) - tenth(rush)),
            FLAT,
        ),
        Bar::at_most(
            format!("ten times: at most {MOST:.0} MB more than before"),
            worst(|rush| rush.during.iter().copied().fold(0.0, f64::max) - rush.before),
            MOST,
        ),
        Bar::at_most(
            format!("{BACK} of the capacity is back at most 2000 ms after ten times of it"),
            worst(|rush| rush.back),
            2000.0,
        ),
    ]
}

fn details(times: f64, runs: &[Rush]) -> Value {
    let one = |rush: &Rush| {
        let answers = rush.heard.answers.iter().map(|(status, answers)| {
            json!({
                "status": status, "count": answers.from_sent.total(), "from_sent_ms": three(&answers.from_sent),
                "from_due_ms": three(&answers.from_due),
            })
        });
        json!({
            "seconds": rush.seconds, "capacity": rush.capacity, "due": rush.heard.due, "sent": rush.heard.sent,
            "answers": answers.collect::<Vec<_>>(), "broken": rush.heard.broken, "lost": rush.heard.lost,
            "unanswered": rush.heard.unanswered, "slices": rush.heard.slices, "before_mb": rush.before,
            "during_mb": rush.during, "after_mb": rush.after, "back_ms": rush.back, "again": rush.again,
            "afterwards": rush.afterwards, "others": rush.others,
        })
    };
    json!({ "times": times, "runs": runs.iter().map(one).collect::<Vec<_>>() })
}

fn within(rush: &Rush, status: u16) -> u64 {
    rush.heard.answers.get(&status).map_or(0, |answers| answers.within)
}

/// The p99 of a status from when requests were sent; 0 where there was no such answer.
fn share(rush: &Rush, status: u16) -> f64 {
    rush.heard.answers.get(&status).map_or(0.0, |answers| answers.from_sent.quantile(0.99))
}

fn three(histogram: &Histogram) -> [f64; 3] {
    [histogram.quantile(0.5), histogram.quantile(0.99), histogram.longest()]
}

fn latencies(rushes: &[Rush], status: u16, of: fn(&Answers) -> &Histogram) -> String {
    let runs: Vec<_> =
        rushes.iter().filter_map(|rush| rush.heard.answers.get(&status)).map(|a| three(of(a))).collect();
    if runs.is_empty() {
        return "–".to_owned();
    }
    let [half, most, all] =
        [0, 1, 2].map(|at| median(runs.iter().filter_map(|run: &[f64; 3]| run.get(at).copied())));
    format!("{half:.1} / {most:.1} / {all:.1}")
}

fn at(rush: &Rush, moment: usize) -> f64 {
    rush.during.get(moment).copied().unwrap_or(rush.before)
}

fn tenth(rush: &Rush) -> f64 {
    at(rush, rush.during.len() / 10)
}

fn last(rush: &Rush) -> f64 {
    rush.during.last().copied().unwrap_or(rush.before)
}

fn number(rushes: &[Rush], of: fn(&Rush) -> f64) -> String {
    let found = median(rushes.iter().map(of));
    if found.abs() < 20.0 { format!("{found:.1}") } else { format!("{found:.0}") }
}

fn rate(rushes: &[Rush], of: fn(&Rush) -> u64) -> String {
    format!("{:.0}", median(rushes.iter().map(|rush| whole(of(rush)) / rush.seconds)))
}

fn count(rushes: &[Rush], of: fn(&Rush) -> u64) -> String {
    format!("{:.0}", median(rushes.iter().map(|rush| whole(of(rush)))))
}

#[expect(clippy::cast_precision_loss, reason = "some million answers are exact in an f64")]
fn whole(count: u64) -> f64 {
    count as f64
}
