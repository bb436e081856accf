//! Attacks on sessions, packets and frames end the same behind axum, where hyper reads the requests, and
//! clients are answered the same.

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use sansocket_app::bind::Inner;
use sansocket_tokio::{App, Listener, Server};
use std::net::SocketAddr;
use std::thread;
use suites::Serving;
use tokio::net::TcpListener;
use tokio::runtime::Builder;

suites::every_binding! { serve;
    a01_hostile_packets_end_their_session_and_no_other
    a_body_too_large_is_refused_before_its_session_reads_as_closed
    a_header_on_several_lines_is_seen_whole
    a12_attachments_are_bounded_in_bytes_and_time
    a18_a_flood_of_namespaces_ends_at_the_limit
    a19_who_joins_nothing_is_hung_up_on
    a20_nobody_is_heard_before_the_admission
    a_poll_and_a_close_sent_at_once_are_answered_alike_in_either_order
    binary_is_taken_as_android_clients_write_it
    a_handler_that_blocks_hides_no_pong
    c04_garbage_behind_an_upgrade_ends_the_websocket_alone
    c05_odd_upgrades_and_resets_behind_them_are_contained
    c06_odd_requests_open_and_change_nothing
    c07_every_binary_body_ends_its_session
    c09_no_transport_goes_past_the_application
    c11_a_flood_of_pongs_delays_nobody
    c13_overlapping_requests_are_all_answered
    c14_misused_upgrades_leave_nothing
    c26_one_address_cannot_keep_others_out
    d01_hostile_frames_end_their_session_and_no_other
    d03_a_flood_of_pings_without_reading_is_bounded
    d07_no_extension_is_agreed_on
    d09_who_never_reads_costs_no_more_than_its_budget
    e07_a_body_without_end_is_cut_off
    e18_a_websocket_that_reads_next_to_nothing_is_cut_off
    e19_a_message_that_drips_in_is_cut_off
    every_answer_says_when_it_was_given
    every_request_of_the_table_is_answered_as_it_says_behind_hyper
    http_1_0_clients_are_told_that_their_connection_stays
    namespaces_asked_for_together_are_all_joined
    refusals_can_be_read_by_pages_that_may_connect
    the_subprotocol_that_is_offered_first_is_chosen
    a_client_that_leaves_another_node_is_missed
    a_node_that_is_away_is_told
    a_node_that_stops_ends_what_passes_through_it
    a_websocket_through_another_node_holds_nobody_up
    f08_a_forwarded_request_names_its_client
    f08_a_request_is_forwarded_once
    f08_bodies_of_forwarded_requests_are_bounded
    requests_reach_the_node_that_has_the_session
    websockets_reach_the_node_that_has_the_session
}

#[cfg(target_os = "linux")]
#[test]
fn a32_a_log_that_nobody_reads_stalls_nobody() {
    let name = concat!(module_path!(), "::a32_a_log_that_nobody_reads_stalls_nobody");
    suites::a32_a_log_that_nobody_reads_stalls_nobody(serve, name);
}

#[cfg(target_os = "linux")]
#[test]
fn a_pause_of_the_process_drops_only_who_is_silent() {
    let name = concat!(module_path!(), "::a_pause_of_the_process_drops_only_who_is_silent");
    suites::a_pause_of_the_process_drops_only_who_is_silent(serve, name, "");
}

/// Serves `app` in front of a router without routes.
fn serve(app: App, listeners: Vec<Listener>) -> (sansocket_app::Io, Serving) {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let server = runtime.block_on(async { Server::builder(app).shards(4).build() });
    let peer = |head: &Parts| head.extensions.get().map(|ConnectInfo(peer)| *peer);
    let router = Router::new().layer(server.layer().peer(peer));
    let handle = server.io();
    let serving = thread::spawn(move || {
        runtime.block_on(async {
            for listener in listeners {
                let Inner::Tcp(listener) = listener.into_parts().inner else { panic!("it is TCP") };
                let listener = TcpListener::from_std(listener)?;
                let service = router.clone().into_make_service_with_connect_info::<SocketAddr>();
                axum::serve(listener, service).await?;
            }
            Ok(())
        })
    });
    (handle, serving)
}
