//! The cases, on each engine.

macro_rules! conformance {
    ($cases:ident: $($case:ident)+) => {
        mod $cases {
            mod sqlite {
                $(#[tokio::test]
                async fn $case() {
                    crate::$cases::$case(&<crate::bed::Sqlite as crate::bed::Bed>::make()).await;
                })+
            }
            mod postgres {
                $(#[tokio::test]
                async fn $case() {
                    crate::$cases::$case(&<crate::bed::Postgres as crate::bed::Bed>::make()).await;
                })+
            }
        }
    };
}

conformance! { cases:
    positions_have_no_gaps_and_count_what_counts
    a_transaction_gets_all_its_positions_together
    what_counts_carries_its_position_as_rev
    a_retry_answers_the_first_position
    a_retry_in_the_same_batch_answers_the_first_position
    an_intent_used_for_something_else_is_refused
    the_same_intent_of_another_person_is_another_intent
    a_message_waits_for_the_one_before_it
    a_message_may_follow_a_duplicate_of_the_one_before_it
    a_refused_transaction_leaves_the_others_of_its_batch_alone
    a_race_that_is_lost_undoes_the_whole_transaction
    a_conflict_undoes_the_whole_transaction
    a_faulty_statement_is_the_fault_of_its_transaction_alone
    statements_learn_the_positions_of_the_events
    a_statement_that_fails_after_the_events_undoes_them
    a_list_of_rows_is_inserted_whole
    a_transaction_may_only_run_statements
    too_many_topics_at_once_are_refused
    every_writer_in_a_crowd_gets_its_own_position
    a_restart_keeps_everything
    what_runs_after_a_commit_sees_it_before_the_answer
    a_full_queue_refuses_instead_of_growing
    a_closed_store_has_committed_what_was_queued
}

conformance! { rewriting:
    a_message_says_something_else_with_the_position_of_the_change
    changes_in_one_batch_are_made_in_their_order
    what_was_changed_outside_the_window_is_withheld
    what_is_no_message_is_not_changed_and_undoes_the_transaction
}

conformance! { reading:
    a_page_lies_inside_the_window
    pages_walk_through_many_spans_in_both_directions
    a_page_of_what_counts_passes_over_the_rest
    events_are_found_by_position
    tails_are_read_for_many_topics_at_once
    tails_respect_windows_and_limits
    heads_are_answered_in_the_order_asked
    heads_follow_commits_that_happen_while_they_are_read
    values_come_back_as_they_went_in
    a_text_with_the_character_that_ends_texts_in_c_is_refused_everywhere
}
