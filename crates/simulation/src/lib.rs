//! Nothing here runs: the simulation is a test (`tests/simulation`, told in `docs/simulation.md`). It stands in a
//! crate of its own because it knows every engine at once, which no engine may.
