//! What every binding promises: it serves, it is reached from any thread, and it stops.
//!
//! A binding says how it serves and gets all of it as tests:
//! `tests::every_binding!(serve)`, where `serve` is a [`Serve`].

mod answers;
mod attacks;
mod cancel;
mod channel;
mod faults;
#[cfg(target_os = "linux")]
mod files;
mod forger;
mod identity;
#[cfg(target_os = "linux")]
mod log;
#[cfg(target_os = "linux")]
mod pause;
#[cfg(target_os = "linux")]
mod process;
mod requests;

use sansocket_app::{App, Io, Listener, Reason, Socket};
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::client::{Client, PATIENCE};
use identity::Identity;

pub use answers::*;
pub use attacks::*;
pub use cancel::*;
pub use faults::*;
#[cfg(target_os = "linux")]
pub use files::*;
#[cfg(target_os = "linux")]
pub use log::*;
#[cfg(target_os = "linux")]
pub use pause::*;
pub use requests::*;

/// How a binding serves on several shards, on threads of its own.
pub type Serve = fn(App, Vec<Listener>) -> (Io, Serving);

/// How a binding whose `serve_on` is a future begins to serve, and then drops that future.
pub type Abandon = fn(App, Listener) -> (Io, Box<dyn FnOnce()>);

/// What serving comes to, once the server has ended.
pub type Serving = JoinHandle<io::Result<()>>;

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
            $crate::binding::a_lack_of_file_descriptors_passes($serve, name);
        }
        #[cfg(target_os = "linux")]
        #[test]
        fn a32_a_log_that_nobody_reads_stalls_nobody() {
            let name = concat!(module_path!(), "::a32_a_log_that_nobody_reads_stalls_nobody");
            $crate::binding::a32_a_log_that_nobody_reads_stalls_nobody($serve, name);
        }
        #[cfg(target_os = "linux")]
        #[test]
        fn a_pause_of_the_process_drops_only_who_is_silent() {
            let name = concat!(module_path!(), "::a_pause_of_the_process_drops_only_who_is_silent");
            $crate::binding::a_pause_of_the_process_drops_only_who_is_silent($serve, name, "");
        }
    };
    ($serve:expr; $($promise:ident)*) => {
        $(#[test] fn $promise() { $crate::binding::$promise($serve); })*
    };
}

/// A handle emits from any thread to clients on every shard.
pub fn any_thread_reaches_clients_on_all_shards(serve: Serve) {
    let (io, address, _serving) = start(serve, App::new());
    assert!(io.counts().len() > 1);
    let mut clients: Vec<_> = (0..8).map(|_| Client::connect(address)).collect();
    // A plain thread, outside the runtime.
    thread::spawn(move || io.emit("news", &("all", 1)).unwrap()).join().unwrap();
    for client in &mut clients {
        assert_eq!(client.poll(), r#"42["news","all",1]"#);
    }
}

/// A poll waits for the timers of the binding.
pub fn a_poll_is_answered_when_something_comes(serve: Serve) {
    let mut app = App::new();
    app.on("later", async |socket: Socket, ms: u64| {
        socket.io().sleep(Duration::from_millis(ms)).await;
        let _ = socket.emit("now", &());
    });
    let (_io, address, _serving) = start(serve, app);
    let mut client = Client::connect(address);
    client.post(r#"42["later",50]"#);
    assert_eq!(client.poll(), r#"42["now"]"#);
}

/// A handler starts a background task that blocks, which emits and ends with the server.
pub fn a_handler_starts_a_thread_that_rests_until_the_server_stops(serve: Serve) {
    let (ended, heard) = mpsc::channel();
    let mut app = App::new();
    app.on("watch", move |io: Io| {
        let (watching, ended) = (io.clone(), ended.clone());
        io.thread(move || {
            assert!(watching.rest(Duration::from_millis(1)));
            let _ = watching.emit("news", &1);
            ended.send(watching.rest(2 * PATIENCE)).unwrap();
        });
    });
    let (io, address, _serving) = start(serve, app);
    let mut client = Client::connect(address);
    client.post(r#"42["watch"]"#);
    assert_eq!(client.poll(), r#"42["news",1]"#);
    io.stop();
    assert_eq!(heard.recv_timeout(PATIENCE), Ok(false));
}

/// A panic is reported, and the connection lives.
pub fn a_handler_that_panics_harms_nobody(serve: Serve) {
    let mut app = App::new();
    let (errors, heard) = mpsc::channel();
    app.on_error(move |error| errors.send(error.to_string()).unwrap());
    app.on("bad", || -> () { panic!("on purpose") });
    app.on("good", || "fine");
    let (_io, address, _serving) = start(serve, app);
    let mut client = Client::connect(address);
    client.post("420[\"bad\"]\u{1e}421[\"good\"]");
    assert_eq!(client.poll(), r#"431["fine"]"#);
    assert_eq!(
        heard.recv().unwrap(),
        r#"handler of "bad" in namespace "/": it panicked: on purpose"#
    );
}

/// What no buffer of a socket holds at once arrives all the same, in both directions.
pub fn a_large_event_comes_back_whole(serve: Serve) {
    let mut app = App::new();
    app.on("echo", |text: String| text);
    let (_io, address, _serving) = start(serve, app);
    let mut client = Client::connect(address);
    let text: String = (0..90_000).map(|n| format!("{n:011}")).collect();
    client.post(&format!(r#"421["echo","{text}"]"#));
    assert_eq!(client.poll(), format!(r#"431["{text}"]"#));
}

/// Events are handled in order, however fast they come.
pub fn a_client_faster_than_its_handlers_is_read_no_further_and_loses_nothing(serve: Serve) {
    const EVENTS: usize = 40_000;
    let (handled, seen) = mpsc::channel();
    let mut app = App::new();
    app.on("n", move |n: usize| {
        // Slow enough for several posts to pile up behind it.
        if n.is_multiple_of(1000) {
            thread::yield_now();
        }
        handled.send(n).unwrap();
    });
    let (_io, address, _serving) = start(serve, app);
    let mut client = Client::connect(address);
    for first in (0..EVENTS).step_by(4000) {
        let packets: Vec<String> =
            (first..first + 4000).map(|n| format!("42[\"n\",{n}]")).collect();
        client.post(&packets.join("\u{1e}"));
    }
    let order: Vec<usize> = (0..EVENTS).map(|_| seen.recv().unwrap()).collect();
    assert!(order.iter().enumerate().all(|(i, &n)| i == n));
}

/// A destructor may call back into the server.
pub fn what_an_unsent_question_holds_may_come_back_when_it_is_dropped(serve: Serve) {
    /// Asks its socket something when it goes.
    struct Nosy(Socket);
    impl Drop for Nosy {
        fn drop(&mut self) {
            assert!(!self.0.is_connected());
        }
    }
    let (tried, done) = mpsc::channel();
    let mut app = App::new();
    app.on_disconnect(move |socket: Socket| {
        let nosy = Nosy(socket.clone());
        let sent = socket.emit_then("late", &(), Duration::from_secs(1), move |_| drop(nosy));
        tried.send(sent.is_err()).unwrap();
    });
    let (_io, address, _serving) = start(serve, app);
    let mut client = Client::connect(address);
    client.post("41");
    assert!(done.recv_timeout(PATIENCE).unwrap());
}

/// Pipelined requests are answered one after the other.
pub fn requests_wait_in_line_behind_a_held_poll(serve: Serve) {
    let (io, address, _serving) = start(serve, App::new());
    let mut client = Client::connect(address);
    let sid = client.sid.clone();
    let get =
        format!("GET /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nHost: a\r\n\r\n");
    let other = "GET /elsewhere HTTP/1.1\r\nHost: a\r\n\r\n";
    client.stream.write_all(format!("{get}{other}").as_bytes()).unwrap();
    io.emit("go", &()).unwrap();
    assert_eq!(client.response(), (200, r#"42["go"]"#.into()));
    assert_eq!(client.response(), (404, "Not Found".into()));
}

/// Which listener a client came by makes no difference.
pub fn clients_of_several_listeners_meet(serve: Serve) {
    let listeners = [listener(), listener(), listener()];
    let addresses = listeners.each_ref().map(port);
    let mut app = App::new();
    app.on("say", |socket: Socket, text: String| {
        let _ = socket.broadcast().emit("said", &text);
    });
    let (_io, _serving) = serve(app, listeners.into());
    let mut clients = addresses.map(Client::connect);
    clients[1].post(r#"42["say","hello"]"#);
    assert_eq!(clients[0].poll(), r#"42["said","hello"]"#);
    assert_eq!(clients[2].poll(), r#"42["said","hello"]"#);
}

/// A listener with a certificate encrypts, and a large event fits through.
pub fn clients_over_tls_and_in_the_clear_meet(serve: Serve) {
    let identity = Identity::new();
    let (open, closed) = (listener(), listener().tls(identity.tls()));
    let addresses = (port(&open), port(&closed));
    let mut app = App::new();
    app.on("say", |socket: Socket, text: String| {
        let _ = socket.broadcast().emit("said", &text);
    });
    let (io, serving) = serve(app, vec![open, closed]);
    let mut plain = Client::connect(addresses.0);
    let stream = TcpStream::connect(addresses.1).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut secret = Client::join(identity.encrypt(stream));
    let text = "secret ".repeat(50_000);
    secret.post(&format!(r#"42["say","{text}"]"#));
    assert_eq!(plain.poll(), format!(r#"42["said","{text}"]"#));
    plain.post(&format!(r#"42["say","{text}"]"#));
    assert_eq!(secret.poll(), format!(r#"42["said","{text}"]"#));
    io.stop();
    assert_eq!(secret.poll(), "1");
    drop((plain, secret));
    serving.join().unwrap().unwrap();
}

/// A socket file is served, and removed at the end.
#[cfg(unix)]
pub fn a_socket_file_serves_and_goes(serve: Serve) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let (io, serving) = serve(App::new(), vec![Listener::unix(&path).unwrap()]);
    let mut client = Client::join(std::os::unix::net::UnixStream::connect(&path).unwrap());
    io.emit("go", &()).unwrap();
    assert_eq!(client.poll(), r#"42["go"]"#);
    io.stop();
    assert_eq!(client.poll(), "1");
    drop(client);
    serving.join().unwrap().unwrap();
    assert!(!path.exists());
}

/// Clients and handlers hear of the end before it comes.
pub fn shutdown_tells_clients_and_ends_the_server(serve: Serve) {
    let (left, reasons) = mpsc::channel();
    let mut app = App::new();
    app.on_disconnect(move |_: Socket, reason: Reason| left.send(reason.as_str()).unwrap());
    let (io, address, serving) = start(serve, app);
    let mut client = Client::connect(address);
    io.stop();
    assert_eq!(client.poll(), "1");
    assert_eq!(reasons.recv().unwrap(), "server shutting down");
    drop(client);
    serving.join().unwrap().unwrap();
    assert!(TcpStream::connect(address).is_err());
}

/// A client that never leaves does not keep the server.
pub fn connections_are_cut_off_when_the_grace_is_over(serve: Serve) {
    let (io, address, serving) = start(serve, App::new());
    // It has not even asked for anything, and might yet come back to hear that the server stops.
    let _client = Client::connect(address);
    io.stop_within(Duration::from_millis(50));
    serving.join().unwrap().unwrap();
}

fn start(serve: Serve, app: App) -> (Io, SocketAddr, Serving) {
    let listener = listener();
    let address = port(&listener);
    let (io, serving) = serve(app, vec![listener]);
    (io, address, serving)
}

fn listener() -> Listener {
    Listener::tcp("127.0.0.1:0").expect("a port is free")
}

fn port(listener: &Listener) -> SocketAddr {
    listener.local_addr().tcp().expect("listens on TCP")
}
