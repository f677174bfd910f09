//! The table of expiry, and what it has to show.

use serde_json::{Map, Value, json};

use crate::bars::Bar;
use crate::chapter::Chapter;
use crate::expiry::Plan;
use crate::expiry::blocks::{Block, Cell, FEWEST, SCENES, Scene, name, ratios, typical};
use crate::load::MOST_LATE;
use crate::samples::{Interval, interval, median};

/// How much longer p99 may be while something expires.
const MOST: f64 = 1.2;

/// Tells all of it.
pub(crate) fn chapter(plan: &Plan, blocks: &[Block]) -> Chapter {
    let left: Vec<_> = blocks.iter().filter(|block| !block.is_disturbed()).collect();
    let (dropped, enough) = (blocks.len().saturating_sub(left.len()), left.len() >= FEWEST);
    let told = if enough { left } else { blocks.iter().collect() };
    let words = format!(
        "`client_credentials` held at {:.0} per second, 0.7 of {:.0} (median of {} short runs), while tokens expire: {} \
         blocks of {} cells of {:.1} s, of which {dropped} {}. Medians; \
         ratios are those of each block, the interval holds their median {}:",
        plan.rate,
        median(plan.capacities.iter().copied()),
        plan.capacities.len(),
        blocks.len(),
        SCENES.len(),
        plan.span.as_secs_f64(),
        if enough {
            "were left out because something else was at work"
        } else {
            "would have to be left out because something else was at work: as too few would be left, all are told, and \
             they decide nothing"
        },
        interval(&ratios(&told, Scene::Again)).map_or_else(
            || "with a confidence that cannot be told of so few".to_owned(),
            |interval| format!("with {:.0} % confidence", interval.confidence * 100.0)
        ),
    );
    Chapter {
        name: "expiry",
        words,
        head: &[
            "meanwhile",
            "p50 ms",
            "p99 ms",
            "× nothing",
            "interval",
            "issued per s",
            "removed per s",
            "CPU µs",
            "slowest ms",
            "late p99 ms",
            "others %",
        ],
        rows: SCENES.into_iter().map(|scene| row(&told, scene)).collect(),
        bars: [Scene::Brief, Scene::Backlog].into_iter().map(|scene| bar(&told, enough, scene)).collect(),
        details: details(plan, blocks),
    }
}

fn row(blocks: &[&Block], scene: Scene) -> Vec<String> {
    let of = |what| typical(blocks, scene, what);
    let late = of(|cell| cell.observed.generator.late);
    let ratios = ratios(blocks, scene);
    vec![
        name(blocks, scene).to_owned(),
        format!("{:.2}", of(|cell| cell.observed.p50)),
        format!("{:.2}", of(|cell| cell.observed.p99)),
        format!("{:.2}", median(ratios.iter().copied())),
        between(interval(&ratios)),
        format!("{:.0}", of(|cell| cell.issued)),
        format!("{:.0}", of(|cell| cell.removed)),
        format!("{:.0}", of(|cell| cell.cpu)),
        format!("{:.2}", of(|cell| cell.observed.slowest)),
        format!("{late:.2}{}", if late > MOST_LATE { " (!)" } else { "" }),
        format!("{:.1}", of(|cell| cell.others) * 100.0),
    ]
}

/// What noise alone gives stands beside what was found: a bar that it decides is none.
fn bar(blocks: &[&Block], enough: bool, scene: Scene) -> Bar {
    let [found, noise] = [scene, Scene::Again].map(|scene| ratios(blocks, scene));
    let demand = format!("p99 while {}: at most {MOST} of that without", name(blocks, scene));
    let middle = (!found.is_empty()).then(|| median(found.iter().copied()));
    let beside = format!(
        "{}; nothing against nothing {:.2}, {}; {} blocks",
        between(interval(&found)),
        median(noise.iter().copied()),
        between(interval(&noise)),
        found.len()
    );
    Bar::at_most(demand, middle, MOST).beside(beside).decided_if(enough)
}

fn between(interval: Option<Interval>) -> String {
    interval.map_or_else(|| "–".to_owned(), |found| format!("{:.2} – {:.2}", found.low, found.high))
}

fn details(plan: &Plan, blocks: &[Block]) -> Value {
    let cell = |(scene, cell): &(Scene, Cell)| {
        let (observed, generator) = (cell.observed, cell.observed.generator);
        let value = json!({
            "p50_ms": observed.p50, "p99_ms": observed.p99, "slowest_ms": observed.slowest,
            "issued_per_second": cell.issued, "removed_per_second": cell.removed, "cpu_us": cell.cpu,
            "others": cell.others,
            "load_others": generator.others, "late_p99_ms": generator.late, "latest_ms": generator.latest,
        });
        (format!("{scene:?}").to_lowercase(), value)
    };
    let block = |block: &Block| {
        let order: Vec<_> =
            block.cells.iter().map(|(scene, _)| format!("{scene:?}").to_lowercase()).collect();
        json!({
            "left_out": block.is_disturbed(), "cache_ns": block.cache, "order": order,
            "cells": block.cells.iter().map(cell).collect::<Map<_, _>>(),
        })
    };
    json!({
        "capacities": plan.capacities, "held_per_second": plan.rate, "seconds": plan.span.as_secs_f64(),
        "blocks": blocks.iter().map(block).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::bars::Verdict;
    use crate::load::Observed;

    fn block(backlog: f64) -> Block {
        let cell = |p99| Cell { observed: Observed { p99, ..Observed::default() }, ..Cell::default() };
        Block { cells: SCENES.into_iter().zip([4.0, 4.0, 4.0, backlog].map(cell)).collect(), cache: 0.0 }
    }

    fn verdicts(blocks: &[Block]) -> Vec<Verdict> {
        let plan = Plan { capacities: vec![10.0], rate: 7.0, span: Duration::from_secs(2) };
        chapter(&plan, blocks).bars.iter().map(|bar| bar.verdict).collect()
    }

    #[test]
    fn bars_are_decided_by_the_median_of_five_blocks_and_not_by_four() {
        let (fine, slow) = (block(4.4), block(8.0));
        assert_eq!(verdicts(&vec![fine.clone(); 5]), [Verdict::Met, Verdict::Met]);
        assert_eq!(verdicts(&vec![fine.clone(); 4]), [Verdict::Undecided, Verdict::Undecided]);
        let mixed = [&fine, &slow, &slow, &slow, &fine].map(Block::clone);
        assert_eq!(verdicts(&mixed), [Verdict::Met, Verdict::Missed]);
        assert_eq!(verdicts(&[]), [Verdict::Undecided, Verdict::Undecided]);
    }

    #[test]
    fn a_disturbed_block_does_not_decide_and_is_told_to_be_left_out() {
        let mut disturbed = block(80.0);
        disturbed.cells[0].1.others = 0.5;
        let blocks: Vec<_> = std::iter::repeat_n(block(4.4), 5).chain([disturbed]).collect();
        let plan = Plan { capacities: vec![10.0], rate: 7.0, span: Duration::from_secs(2) };
        let told = chapter(&plan, &blocks);
        assert!(told.words.contains("6 blocks") && told.words.contains("1 were left out"), "{}", told.words);
        assert!(told.bars.iter().all(|bar| bar.verdict == Verdict::Met));
        assert_eq!(told.rows[3][3..5], ["1.10".to_owned(), "1.10 – 1.10".to_owned()]);
    }
}
