//! The memory store under the conformance suite.

use testkit::MemoryStore;
use testkit::conformance::TestStore;

fn memory() -> Box<dyn TestStore> {
    Box::new(MemoryStore::new())
}

testkit::conformance_tests!(memory);
