//! The short form: that everything is measured, not how fast this machine is.

use super::*;

fn short(matter: Matter) -> Vec<Verdict> {
    let out = tempfile::tempdir().unwrap();
    let args = NodesArgs {
        server: None,
        only: vec![matter],
        across: 70,
        stall_s: 2,
        clients: 60,
        messages: 320,
        out: out.path().to_owned(),
    };
    measure(&args).unwrap()
}

#[test]
fn a_message_is_seen_at_another_node_and_how_much_later_is_measured() {
    let verdicts = short(Matter::Across);
    assert!(verdicts[0].figure.is_finite(), "{verdicts:?}");
}

#[test]
fn while_postgres_stands_still_the_node_is_red_and_no_acknowledgement_is_false() {
    let verdicts = short(Matter::Stall);
    assert!(verdicts.iter().all(|verdict| verdict.figure.is_finite()), "{verdicts:?}");
    assert!(verdicts[1..].iter().all(Verdict::is_reached), "{verdicts:?}");
}

#[test]
fn after_a_storm_at_two_nodes_everybody_is_back_and_their_queries_are_counted() {
    let verdicts = short(Matter::Storm);
    assert_eq!(verdicts.len(), 3, "/metrics says how many: {verdicts:?}");
    assert!(verdicts[0].is_reached() && verdicts[1].figure > 0.0, "{verdicts:?}");
}

#[test]
fn after_kill_9_a_node_is_ready_again_with_everything_that_was_acknowledged() {
    let verdicts = short(Matter::Million);
    assert!(verdicts[0].figure > 0.0 && verdicts[1].is_reached(), "{verdicts:?}");
}
