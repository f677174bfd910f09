//! Statements that stay prepared.

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::{QueryResult, RunQueryDsl};

/// An UPDATE whose text does not depend on its values. diesel takes it for granted that it might, and has the
/// database parse every UPDATE anew (`UpdateStatement::walk_ast`); this one is parsed once a connection.
///
/// Not for statements with lists (`eq_any`), with optional parts, or with a changeset of `Option`s.
pub(crate) struct Kept<S>(pub(crate) S);

impl<S> QueryId for Kept<S> {
    type QueryId = ();

    // It is known by its text, so that two statements cannot be taken for one.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<S, DB> QueryFragment<DB> for Kept<S>
where
    DB: Backend,
    S: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.walk_ast(pass)
    }

    fn is_safe_to_cache_prepared(&self, _backend: &DB) -> QueryResult<bool> {
        Ok(true)
    }
}

impl<S, C> RunQueryDsl<C> for Kept<S> {}
