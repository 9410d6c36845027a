//! The cases, on each bus.

use carillon_rig::RedisCluster;

use crate::{
    bed::{Embedded, Plain, Space},
    cases,
    secure::Secure,
};

macro_rules! conformance {
    ($($case:ident)+) => {
        mod embedded {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                cases::$case(&Embedded::make()).await;
            })+
        }
        mod redis {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                cases::$case(&Plain::make()).await;
            })+
        }
        mod redis_with_tls_and_a_password {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                cases::$case(&Secure::make()).await;
            })+
        }
        /// One after the other, because a Cluster takes seconds to start.
        #[tokio::test(flavor = "multi_thread")]
        async fn a_cluster_keeps_every_promise() {
            let cluster = RedisCluster::start(3);
            $(cases::$case(&Space::of_user(&cluster.url(), cluster.servers())).await;)+
        }
    };
}

conformance! {
    what_a_node_publishes_arrives_at_the_others_as_it_was
    nobody_hears_themselves
    a_part_keeps_its_order
    many_who_publish_at_once_are_heard_without_a_hole
    all_parts_carry_in_all_directions
    who_does_not_read_is_told_that_something_is_missing
    who_leaves_is_missed_by_nobody
    a_bus_says_how_it_is_going
    a_bus_that_is_dropped_ends_its_subscription
}
