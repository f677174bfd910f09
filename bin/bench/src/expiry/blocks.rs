//! What a block is, when it counts, and what blocks say together.

use crate::load::Observed;
use crate::samples::median;

/// Share of the measured core that others may take meanwhile.
const OTHERS: f64 = 0.02;

/// Share of the load's core that others may take.
const LOAD_OTHERS: f64 = 0.1;

/// How late the generator may send by its own doing, milliseconds: half of the hundredth of a cell that p99 leaves out.
const LATEST: f64 = 10.0;

/// How many blocks have to be left to say anything.
pub(crate) const FEWEST: usize = 5;

/// Share of what is issued that has to be removed to call it as many.
const AS_MANY: f64 = 0.85;

/// What goes on while tokens are issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scene {
    /// Nothing: what the others are compared with.
    Nothing,
    /// Nothing once more: what the comparison gives where there is no difference.
    Again,
    /// The tokens live for two seconds.
    Brief,
    /// Many that expired at one moment are removed.
    Backlog,
}

/// All of them.
pub(crate) const SCENES: [Scene; 4] = [Scene::Nothing, Scene::Again, Scene::Brief, Scene::Backlog];

/// The order of a block. In four of them each scene stands once in each place, and once behind each other one: what it
/// leaves behind, such as pages that the disk still writes, burdens all alike (a Williams square).
pub(crate) fn order(block: usize) -> [Scene; 4] {
    use Scene::{Again, Backlog, Brief, Nothing};
    match block % 4 {
        0 => [Nothing, Again, Backlog, Brief],
        1 => [Again, Brief, Nothing, Backlog],
        2 => [Brief, Backlog, Again, Nothing],
        _ => [Backlog, Nothing, Brief, Again],
    }
}

/// One scene in one block.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cell {
    /// What the load saw.
    pub(crate) observed: Observed,
    /// Tokens issued per second.
    pub(crate) issued: f64,
    /// Sessions removed per second.
    pub(crate) removed: f64,
    /// Processor time of the server and of the database's processes for each answer, microseconds.
    pub(crate) cpu: f64,
    /// Share of the measured core that others took.
    pub(crate) others: f64,
}

impl Cell {
    /// Whether something else than the server was at work. By nothing that the server could have caused, and never by
    /// the latency itself: who leaves out what looks bad finds what he wants.
    fn is_disturbed(&self) -> bool {
        let generator = self.observed.generator;
        self.others > OTHERS || generator.others > LOAD_OTHERS || generator.latest > LATEST
    }
}

/// Every scene once.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// In the order in which they were measured.
    pub(crate) cells: Vec<(Scene, Cell)>,
    /// Nanoseconds of a step through the shared cache, before or behind, whatever is more.
    pub(crate) cache: f64,
}

impl Block {
    /// Whether any of its cells was disturbed: then the block is left out as a whole, for a cell without those it is
    /// compared with says nothing.
    pub(crate) fn is_disturbed(&self) -> bool {
        self.cells.iter().any(|(_, cell)| cell.is_disturbed())
    }

    /// The cell of a scene.
    pub(crate) fn cell(&self, scene: Scene) -> Option<&Cell> {
        self.cells.iter().find(|(other, _)| *other == scene).map(|(_, cell)| cell)
    }

    /// The p99 of a scene in those of the scene in which nothing expires.
    fn ratio(&self, scene: Scene) -> Option<f64> {
        let p99 = |scene| self.cell(scene).map(|cell| cell.observed.p99);
        Some(p99(scene)? / p99(Scene::Nothing)?).filter(|ratio| ratio.is_finite())
    }
}

/// The ratios of a scene, block by block.
pub(crate) fn ratios(blocks: &[&Block], scene: Scene) -> Vec<f64> {
    blocks.iter().filter_map(|block| block.ratio(scene)).collect()
}

/// The median of a figure of a scene.
pub(crate) fn typical(blocks: &[&Block], scene: Scene, what: fn(&Cell) -> f64) -> f64 {
    median(blocks.iter().filter_map(|block| block.cell(scene)).map(what))
}

/// What a scene is called, by what was seen in it.
pub(crate) fn name(blocks: &[&Block], scene: Scene) -> &'static str {
    match scene {
        Scene::Nothing => "nothing expires",
        Scene::Again => "nothing expires, again",
        Scene::Brief => {
            let [issued, removed] =
                [typical(blocks, scene, |cell| cell.issued), typical(blocks, scene, |cell| cell.removed)];
            let as_many = issued > 0.0 && removed >= AS_MANY * issued;
            if as_many { "as many expire as are issued" } else { "tokens live for two seconds" }
        }
        Scene::Backlog => "a backlog is worked off",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Generator;

    fn cell(p99: f64) -> Cell {
        let observed = Observed { p99, ..Observed::default() };
        Cell { observed, issued: 100.0, removed: 90.0, cpu: 40.0, others: 0.01 }
    }

    fn block(p99s: [f64; 4]) -> Block {
        Block { cells: SCENES.into_iter().zip(p99s.map(cell)).collect(), cache: 20.0 }
    }

    #[test]
    fn a_block_is_left_out_for_a_disturbance_of_any_cell_and_never_for_its_latency() {
        let slow = block([1.0, 1.0, 500.0, 1.0]);
        assert!(!slow.is_disturbed());
        let disturbed = |change: fn(&mut Cell)| {
            let mut block = slow.clone();
            change(&mut block.cells[3].1);
            block.is_disturbed()
        };
        assert!(disturbed(|cell| cell.others = 0.03));
        assert!(disturbed(|cell| {
            cell.observed.generator = Generator { latest: 10.5, ..Generator::default() };
        }));
        assert!(disturbed(|cell| {
            cell.observed.generator = Generator { others: 0.2, ..Generator::default() };
        }));
    }

    #[test]
    fn each_scene_follows_each_other_one_as_often_as_any() {
        let (mut pairs, mut places) = (Vec::new(), Vec::new());
        for order in (0..4).map(order) {
            pairs.extend(order.windows(2).map(<[_]>::to_vec));
            places.extend(order.into_iter().enumerate());
        }
        for scene in SCENES {
            for other in SCENES.into_iter().filter(|other| *other != scene) {
                assert_eq!(pairs.iter().filter(|pair| **pair == [scene, other]).count(), 1);
            }
            assert!((0..4).all(|place| places.contains(&(place, scene))));
        }
    }

    #[test]
    fn ratios_are_those_of_one_block() {
        let (one, two) = (block([1.0, 1.1, 1.5, 2.0]), block([10.0, 9.0, 10.0, 30.0]));
        let found = ratios(&[&one, &two], Scene::Backlog);
        assert!(found.len() == 2 && found.iter().zip([2.0, 3.0]).all(|(a, b)| (a - b).abs() < 1e-9));
    }

    #[test]
    fn only_what_is_removed_as_fast_as_it_is_issued_is_called_so() {
        let mut one = block([1.0; 4]);
        assert_eq!(name(&[&one], Scene::Brief), "as many expire as are issued");
        one.cells[2].1.removed = 50.0;
        assert_eq!(name(&[&one], Scene::Brief), "tokens live for two seconds");
    }
}
