//! Updates that stay prepared.

use diesel::backend::Backend;
use diesel::query_builder::{AsChangeset, AstPass, IntoUpdateTarget, QueryFragment, QueryId, UpdateTarget};
use diesel::{QueryResult, QuerySource, RunQueryDsl};

/// An UPDATE whose text does not depend on its values. diesel's own might, by a changeset of `Option`s, and so diesel
/// has the database parse every UPDATE anew; this one is parsed once a connection.
pub(crate) struct Kept<F, C, W> {
    from: F,
    changes: C,
    rows: W,
}

/// Sets `changes`, every one of them, in `rows`. Not for rows that are named by a list (`eq_any`).
pub(crate) fn update<S, C>(
    rows: S,
    changes: C,
) -> Kept<<S::Table as QuerySource>::FromClause, C::Changeset, S::WhereClause>
where
    S: IntoUpdateTarget,
    C: AsChangeset<Target = S::Table>,
{
    let UpdateTarget { table, where_clause } = rows.into_update_target();
    Kept { from: table.from_clause(), changes: changes.as_changeset(), rows: where_clause }
}

impl<F, C, W> QueryId for Kept<F, C, W> {
    type QueryId = ();

    // It is known by its text, so that two statements cannot be taken for one.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<F, C, W, DB> QueryFragment<DB> for Kept<F, C, W>
where
    DB: Backend,
    F: QueryFragment<DB>,
    C: QueryFragment<DB>,
    W: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        pass.push_sql("UPDATE ");
        self.from.walk_ast(pass.reborrow())?;
        pass.push_sql(" SET ");
        self.changes.walk_ast(pass.reborrow())?;
        self.rows.walk_ast(pass)
    }
}

impl<F, C, W, Connection> RunQueryDsl<Connection> for Kept<F, C, W> {}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use diesel::connection::{Connection as _, InstrumentationEvent, SimpleConnection as _};
    use diesel::prelude::*;

    use super::*;

    diesel::table! {
        things (id) {
            id -> BigInt,
            name -> Nullable<Text>,
        }
    }

    #[test]
    fn an_update_is_parsed_once_and_changes_what_it_names() {
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        connection
            .batch_execute("CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO things VALUES (1, 'a'), (2, 'b')")
            .unwrap();
        let kept = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&kept);
        connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if matches!(event, InstrumentationEvent::CacheQuery { .. }) {
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        for (id, name) in [(1, Some("one")), (2, None), (3, Some("three"))] {
            let row = things::table.filter(things::id.eq(id));
            let rows = update(row, things::name.eq(name)).execute(&mut connection).unwrap();
            assert_eq!(rows, usize::from(id < 3));
        }
        assert_eq!(kept.load(Ordering::Relaxed), 1);
        let names =
            things::table.order(things::id).select(things::name).load::<Option<String>>(&mut connection);
        assert_eq!(names.unwrap(), [Some("one".to_owned()), None]);
    }
}
