//! What every store must do: run it over memory, SQLite and PostgreSQL.
//!
//! Each case is a function that gets a handle on a fresh, empty tenant. [`conformance_tests!`](crate::conformance_tests)
//! makes a `#[test]` of each; [`run`] runs them all in one.

mod admin;
mod authenticators;
mod clients;
mod families;
mod fixture;
mod races;
mod records;
mod registration_tokens;
mod remembered;
mod sessions;
mod store;
mod whole;

pub use admin::*;
pub use authenticators::*;
pub use clients::*;
pub use families::*;
pub use races::*;
pub use records::*;
pub use registration_tokens::*;
pub use remembered::*;
pub use sessions::*;
pub use store::TestStore;
pub use whole::*;

/// One case. It gets a store of its own.
pub type Case = fn(&mut dyn TestStore);

macro_rules! table {
    ([] $($case:ident)*) => {
        /// Every case, by name.
        pub const CASES: &[(&str, Case)] = &[$((stringify!($case), $case)),*];
    };
}

crate::conformance_cases!(table);

/// Runs every case, each with a store that `make` made.
///
/// # Panics
/// When a case fails; the message begins with nothing but the assertion, so prefer
/// [`conformance_tests!`](crate::conformance_tests), which names it.
pub fn run(make: &dyn Fn() -> Box<dyn TestStore>) {
    for (_, case) in CASES {
        case(&mut *make());
    }
}

/// The list of cases, handed to the macro named first, behind whatever else is given in brackets.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_cases {
    ($then:ident $($given:tt)*) => {
        $then! { [$($given)*]
            a_session_reads_back
            a_family_and_its_token_read_back
            a_client_and_its_secrets_read_back
            a_policy_reads_back
            a_user_reads_back_by_id_and_exact_name
            an_authenticator_reads_back
            source_failures_read_back
            a_signing_key_reads_back
            settings_read_back
            what_is_not_there_is_not_found
            a_session_locator_is_taken_once
            a_removed_session_is_gone
            activity_never_goes_backwards_and_never_resurrects
            family_and_token_locators_are_taken_once
            a_rotation_replaces_the_current_token
            only_the_current_token_of_a_family_rotates
            a_family_can_be_required_without_a_change
            an_ended_family_is_of_no_use_and_loses_its_sessions
            a_success_counts_and_unlocks
            a_success_needs_what_was_seen
            a_success_may_bring_a_new_hash
            a_use_limit_rests_on_the_uses_seen
            a_failure_counts_and_locks
            a_failure_needs_what_was_seen
            failures_of_a_source_are_counted_from_what_was_seen
            a_client_secret_is_rehashed_only_if_it_is_the_one_seen
            an_audit_id_is_taken_once
            giant_values_are_cut_in_the_audit_log
            an_empty_batch_commits
            later_writes_of_a_batch_see_the_earlier
            a_violated_precondition_undoes_the_whole_batch
            nothing_crosses_from_tenant_to_tenant
            what_exists_is_not_inserted_and_what_does_not_is_not_changed
            a_conflict_undoes_the_whole_list_of_an_administrator
            names_of_users_are_unique
            what_names_a_user_in_tokens_names_no_client
            an_update_of_a_client_keeps_its_secrets
            new_client_secrets_forget_failures
            a_password_changes_from_version_to_version
            a_reset_unlocks_and_forgets_failures_and_uses
            an_update_of_an_authenticator_keeps_its_counters
            a_removed_user_takes_everything_along
            a_disabled_user_loses_what_was_granted
            a_removed_client_takes_everything_along
            nothing_is_granted_to_those_who_have_gone
            a_removed_policy_takes_its_authenticators_along
            a_key_is_superseded_once
            every_change_of_an_administrator_bumps_the_revision
            an_identifier_is_used_once
            an_identifier_is_remembered_for_one_purpose
            remembering_twice_is_remembering_once
            a_registration_token_is_used_as_often_as_it_says
            a_registration_token_is_of_one_tenant_and_can_be_revoked
            of_two_last_uses_of_a_registration_token_one_wins
            of_two_uses_of_an_identifier_one_wins
            of_two_rotations_one_wins
            of_two_failures_seen_alike_one_wins
            of_two_first_failures_of_a_source_one_wins
            of_two_failures_of_a_source_seen_alike_one_wins
            of_two_sessions_with_one_locator_one_wins
            of_two_last_uses_one_wins
            of_two_new_hashes_one_wins
            of_two_new_passwords_one_wins
            parallel_successes_all_count
            an_end_and_a_rotation_leave_nothing_alive
            an_end_and_a_requirement_leave_nothing_alive
            racing_touches_leave_the_latest
        }
    };
}

/// Makes a `#[test]` of every conformance case. `$make` is the path of a function without arguments that gives a
/// `Box<dyn TestStore>` on a fresh, empty tenant; what must live as long as the store, it keeps inside.
#[macro_export]
macro_rules! conformance_tests {
    ($make:path) => {
        use $crate::conformance_test_functions;
        $crate::conformance_cases!(conformance_test_functions $make);
    };
}

/// One `#[test]` for each case of a list.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_test_functions {
    ([$make:path] $($case:ident)*) => {
        $(
            #[test]
            fn $case() {
                $crate::conformance::$case(&mut *$make());
            }
        )*
    };
}
