//! What every binding promises: it serves, it is reached from any thread, and it stops.
//!
//! A binding says how it serves and gets all of it as tests:
//! `suites::every_binding!(serve)`, where `serve` is a [`Serve`].

mod answers;
mod attacks;
mod balancers;
mod cancel;
mod channel;
mod client;
mod clients;
mod faults;
#[cfg(target_os = "linux")]
mod files;
mod forger;
mod identity;
#[cfg(target_os = "linux")]
mod log;
mod nodes;
#[cfg(target_os = "linux")]
mod pause;
#[cfg(target_os = "linux")]
mod process;
mod proxy;
mod requests;
mod serve;
mod ways;

pub use answers::*;
pub use attacks::*;
pub use balancers::*;
pub use cancel::*;
pub use client::{Client, PATIENCE};
pub use clients::*;
pub use faults::*;
#[cfg(target_os = "linux")]
pub use files::*;
#[cfg(target_os = "linux")]
pub use log::*;
pub use nodes::*;
#[cfg(target_os = "linux")]
pub use pause::*;
pub use requests::*;
pub use serve::*;
pub use ways::*;

use serve::{listener, port, start};

/// Makes a test of everything a binding promises.
#[macro_export]
macro_rules! every_binding {
    ($serve:expr) => {
        $crate::every_binding! { $serve;
            a01_hostile_packets_end_their_session_and_no_other
            a12_attachments_are_bounded_in_bytes_and_time
            a18_a_flood_of_namespaces_ends_at_the_limit
            a19_who_joins_nothing_is_hung_up_on
            a20_nobody_is_heard_before_the_admission
            a_client_that_leaves_another_node_is_missed
            f08_a_forwarded_request_names_its_client
            a_node_that_is_away_is_told
            f08_a_request_is_forwarded_once
            f08_bodies_of_forwarded_requests_are_bounded
            requests_reach_the_node_that_has_the_session
            websockets_reach_the_node_that_has_the_session
            a_websocket_through_another_node_holds_nobody_up
            a_node_that_stops_ends_what_passes_through_it
            a_body_too_large_is_refused_before_its_session_reads_as_closed
            a_client_faster_than_its_handlers_is_read_no_further_and_loses_nothing
            a_handler_starts_a_thread_that_rests_until_the_server_stops
            a_handler_that_panics_harms_nobody
            a_handler_that_blocks_hides_no_pong
            a_header_on_several_lines_is_seen_whole
            a_large_event_comes_back_whole
            a_panic_in_any_handler_costs_only_what_it_was_about
            a_poll_and_a_close_sent_at_once_are_answered_alike_in_either_order
            a_poll_is_answered_when_something_comes
            any_thread_reaches_clients_on_all_shards
            binary_is_taken_as_android_clients_write_it
            c04_garbage_behind_an_upgrade_ends_the_websocket_alone
            c05_odd_upgrades_and_resets_behind_them_are_contained
            c06_odd_requests_open_and_change_nothing
            c07_every_binary_body_ends_its_session
            c09_no_transport_goes_past_the_application
            c11_a_flood_of_pongs_delays_nobody
            c13_overlapping_requests_are_all_answered
            c14_misused_upgrades_leave_nothing
            c26_one_address_cannot_keep_others_out
            clients_of_several_listeners_meet
            clients_over_tls_and_in_the_clear_meet
            connections_are_cut_off_when_the_grace_is_over
            d01_hostile_frames_end_their_session_and_no_other
            d03_a_flood_of_pings_without_reading_is_bounded
            d04_a_dripping_head_is_cut_off
            d07_no_extension_is_agreed_on
            d09_who_never_reads_costs_no_more_than_its_budget
            e01_requests_two_parsers_could_read_differently_end_their_connection
            e06_heads_bodies_and_silence_have_deadlines
            e07_a_body_without_end_is_cut_off
            e08_endless_pipelining_is_answered_and_stalls_nobody
            e09_client_hellos_in_fragments_are_understood
            e09_tls_that_ends_within_its_handshake_ends_the_connection
            e23_tls_that_stalls_or_drips_has_a_deadline
            e24_floods_of_tls_messages_end_their_connection
            e25_what_is_no_tls_is_cut_off
            e26_tickets_resume_and_the_server_keeps_none
            cookies_are_secure_over_tls_alone
            e18_a_websocket_that_reads_next_to_nothing_is_cut_off
            e18_who_reads_next_to_nothing_of_an_answer_is_cut_off
            e19_a_message_that_drips_in_is_cut_off
            every_answer_says_when_it_was_given
            every_request_of_the_table_is_answered_as_it_says
            events_survive_a_slow_and_choppy_network
            futures_may_be_dropped_whenever_they_wait
            http_1_0_clients_are_told_that_their_connection_stays
            hundreds_of_clients_killed_and_restarted_leave_nothing
            namespaces_asked_for_together_are_all_joined
            refusals_can_be_read_by_pages_that_may_connect
            requests_wait_in_line_behind_a_held_poll
            resets_and_half_closes_end_their_sessions_and_no_other
            shutdown_tells_clients_and_ends_the_server
            shutdown_under_load_leaves_no_question_open
            the_subprotocol_that_is_offered_first_is_chosen
            what_an_unsent_question_holds_may_come_back_when_it_is_dropped
            who_sends_nothing_more_is_answered
        }
        #[cfg(unix)]
        $crate::every_binding! { $serve;
            a_socket_file_serves_and_goes
            e30_nothing_leads_out_of_a_served_folder
            e30_what_is_swapped_while_it_is_served_leads_nowhere
        }
        #[cfg(target_os = "linux")]
        #[test]
        fn a_lack_of_file_descriptors_passes() {
            let name = concat!(module_path!(), "::a_lack_of_file_descriptors_passes");
            $crate::a_lack_of_file_descriptors_passes($serve, name);
        }
        #[cfg(target_os = "linux")]
        #[test]
        fn a32_a_log_that_nobody_reads_stalls_nobody() {
            let name = concat!(module_path!(), "::a32_a_log_that_nobody_reads_stalls_nobody");
            $crate::a32_a_log_that_nobody_reads_stalls_nobody($serve, name);
        }
        #[cfg(target_os = "linux")]
        #[test]
        fn a_pause_of_the_process_drops_only_who_is_silent() {
            let name = concat!(module_path!(), "::a_pause_of_the_process_drops_only_who_is_silent");
            $crate::a_pause_of_the_process_drops_only_who_is_silent($serve, name, "");
        }
    };
    ($serve:expr; $($promise:ident)*) => {
        $(#[test] fn $promise() { $crate::$promise($serve); })*
    };
}

/// Makes a test of everything that the clients of a binding promise: it says how it serves, and how it starts a
/// client, which is an [`Open`].
#[macro_export]
macro_rules! every_client {
    ($serve:expr, $open:expr) => {
        $crate::every_client! { $serve, $open;
            a_client_and_a_server_answer_each_other
            a_failed_attempt_is_told_in_order
            an_open_connection_is_told_before_its_namespaces
            a_lost_connection_comes_back
            a_refused_client_is_told_why
            a_server_that_starts_late_is_found
            a_simple_client_receives_what_comes
            an_address_where_nobody_listens_is_passed_over
            proxies_lead_to_the_server
            g01_certificates_are_verified
            events_of_a_client_keep_their_order
            handlers_of_a_client_keep_in_line
            hundreds_of_clients_share_a_runtime
            the_last_handle_ends_the_client
        }
        #[cfg(unix)]
        $crate::every_client! { $serve, $open;
            a_unix_socket_leads_to_the_server
        }
    };
    ($serve:expr, $open:expr; $($promise:ident)*) => {
        $(#[test] fn $promise() { $crate::$promise($serve, $open); })*
    };
}
