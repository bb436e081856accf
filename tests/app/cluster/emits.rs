//! What one server emits reaches the clients of all, each once and in order.

use sansocket_app::test::{TestClient, TestCluster, TestServer};
use sansocket_app::{BusError, EmitError, Format, Io, Socket};
use std::time::Duration;

use super::stage::{ALL, RICH, app, member, numbers, two};

#[test]
fn k08_an_emit_to_everybody_reaches_each_once() {
    for format in ALL {
        let (_cluster, here, there) = two(format);
        let clients = [here.connect().unwrap(), there.connect().unwrap(), there.connect().unwrap()];
        here.io().emit("n", &1).unwrap();
        here.run();
        there.io().emit("n", &2).unwrap();
        for client in &clients {
            assert_eq!(numbers(client), [1, 2], "{format}");
        }
    }
}

#[test]
fn k09_emits_of_one_thread_keep_their_order_whatever_rooms_they_are_for() {
    for format in ALL {
        let (_cluster, here, there) = two(format);
        let client = member(&there, "a");
        assert_eq!(client.call("join", "b"), Ok(true));
        for n in 0..30 {
            let io = here.io();
            let sent = match n % 4 {
                0 => io.emit("n", &n),
                1 => io.to("a").emit("n", &n),
                2 => io.to(["a", "b"]).emit("n", &n),
                _ => io.to(client.id()).emit("n", &n),
            };
            sent.unwrap();
        }
        assert_eq!(numbers(&client), (0..30).collect::<Vec<_>>(), "{format}");
    }
}

#[test]
fn an_emit_to_rooms_reaches_members_on_all_servers_and_no_others() {
    for format in ALL {
        let (_cluster, here, there) = two(format);
        let (ann, bob, eve) =
            (member(&here, "tea"), member(&there, "tea"), there.connect().unwrap());
        let chat = there.client().namespace("/chat").connect().unwrap();
        assert_eq!(chat.call("join", "tea"), Ok(true));
        here.io().to("tea").emit("n", &1).unwrap();
        here.run();
        there.io().to(["tea", "none"]).emit("n", &2).unwrap();
        here.io().to("20-characters-as-ids").emit("n", &3).unwrap();
        assert_eq!((numbers(&ann), numbers(&bob)), (vec![1, 2], vec![1, 2]), "{format}");
        assert_eq!((numbers(&eve), numbers(&chat)), (vec![], vec![]), "{format}");
    }
}

#[test]
fn the_sender_is_left_out_everywhere() {
    for format in ALL {
        let cluster = TestCluster::with_format(format);
        let speaking = || {
            let mut app = app();
            app.on("say", |socket: Socket, n: u32| socket.to("tea").emit("n", &n));
            app
        };
        let (here, there) = (cluster.server(speaking()), cluster.server(speaking()));
        let (ann, bob) = (member(&here, "tea"), member(&there, "tea"));
        ann.emit("say", &1);
        bob.emit("say", &2);
        assert_eq!((numbers(&ann), numbers(&bob)), (vec![2], vec![1]), "{format}");
    }
}

#[test]
fn rooms_and_clients_can_be_left_out_on_all_servers() {
    for format in RICH {
        let (_cluster, here, there) = two(format);
        let (ann, bob, eve) =
            (member(&here, "mute"), member(&there, "mute"), there.connect().unwrap());
        here.io().except("mute").emit("n", &1).unwrap();
        here.io().except(eve.id()).emit("n", &2).unwrap();
        let got = [&ann, &bob, &eve].map(numbers);
        assert_eq!(got, [vec![2], vec![2], vec![1]], "{format}");
    }
}

#[test]
fn k19_python_has_no_words_for_rooms_that_are_left_out() {
    let (_cluster, here, there) = two(Format::Python);
    let (ann, bob) = (here.connect().unwrap(), there.connect().unwrap());
    let refused = here.io().except("mute").emit("n", &1);
    assert!(matches!(refused, Err(EmitError::Bus(BusError::Unsupported(_)))), "{refused:?}");
    here.io().except(bob.id()).emit("n", &2).unwrap();
    here.io().local().except("mute").emit("n", &3).unwrap();
    assert_eq!((numbers(&ann), numbers(&bob)), (vec![2, 3], vec![]));
}

#[test]
fn local_stays_within_the_process() {
    for format in ALL {
        let (_cluster, here, there) = two(format);
        let (ann, bob) = (member(&here, "tea"), member(&there, "tea"));
        let io = here.io();
        io.local().emit("n", &1).unwrap();
        io.to("tea").local().emit("n", &2).unwrap();
        io.to("tea").local().join("cake");
        io.to("tea").local().disconnect();
        assert_eq!((numbers(&ann), numbers(&bob)), (vec![1, 2], vec![]), "{format}");
        assert!(!ann.is_connected() && bob.is_connected());
        assert_eq!(bob.call("rooms", &()), Ok(vec!["tea".to_owned()]), "{format}");
    }
}

#[test]
fn clients_are_moved_between_rooms_on_all_servers() {
    for format in RICH {
        let (_cluster, here, there) = two(format);
        let (ann, bob) = (member(&here, "tea"), member(&there, "tea"));
        here.io().to("tea").join(["cake", "milk"]).unwrap();
        here.io().to(bob.id()).join("own").unwrap();
        there.io().to("cake").leave("milk").unwrap();
        let rooms = |client: &TestClient| client.call::<Vec<String>>("rooms", &()).unwrap();
        assert_eq!(rooms(&ann), ["cake", "tea"], "{format}");
        assert_eq!(rooms(&bob), ["cake", "own", "tea"], "{format}");
    }
}

#[test]
fn a_room_is_closed_on_all_servers() {
    for format in ALL {
        let (_cluster, here, there) = two(format);
        let (ann, bob) = (member(&here, "tea"), member(&there, "tea"));
        here.io().close_room("tea").unwrap();
        here.io().to("tea").emit("n", &1).unwrap();
        assert_eq!((numbers(&ann), numbers(&bob)), (vec![], vec![]), "{format}");
        let rooms = [ann.call::<Vec<String>>("rooms", &()), bob.call("rooms", &())];
        assert_eq!(rooms, [Ok(vec![]), Ok(vec![])], "{format}");
    }
}

#[test]
fn a_client_is_moved_and_disconnected_by_its_id_wherever_it_is() {
    for format in ALL {
        let (_cluster, here, there) = two(format);
        let (ann, bob) = (there.connect().unwrap(), there.connect().unwrap());
        let io = here.io();
        io.to(ann.id()).join("tea").unwrap();
        // The other server subscribes to the room now, where the format has it do so.
        here.run();
        io.to("tea").emit("n", &1).unwrap();
        io.to(ann.id()).leave("tea").unwrap();
        io.to("tea").emit("n", &2).unwrap();
        io.to(ann.id()).emit("n", &3).unwrap();
        io.to(ann.id()).disconnect().unwrap();
        assert_eq!((numbers(&ann), numbers(&bob)), (vec![1, 3], vec![]), "{format}");
        assert!(!ann.is_connected() && bob.is_connected(), "{format}");
    }
}

#[test]
fn attachments_travel() {
    for format in ALL {
        let (_cluster, here, there) = two(format);
        let client = there.connect().unwrap();
        let bytes = sansocket_app::Bytes::from_static(&[0, 255, 1]);
        here.io().emit("picture", &("a", bytes.clone())).unwrap();
        let got: (String, sansocket_app::Bytes) = client.expect("picture");
        assert_eq!(got, ("a".into(), bytes), "{format}");
    }
}

#[test]
fn volatile_emits_reach_other_servers() {
    for format in ALL {
        let (_cluster, here, there) = two(format);
        let client = member(&there, "tea");
        here.io().to("tea").volatile().emit("n", &1).unwrap();
        assert_eq!(numbers(&client), [1], "{format}");
    }
}

#[test]
fn k18_a_client_that_joined_hears_of_its_room_when_the_bus_is_settled() {
    let (_cluster, here, there) = two(Format::Sharded);
    let client = member(&there, "tea");
    let bus = there.io().bus().expect("it joined");
    there.block_on(bus.settled());
    here.io().to("tea").emit("n", &1).unwrap();
    assert_eq!(numbers(&client), [1]);
}

#[test]
fn a_server_without_a_cluster_has_no_bus() {
    let server = TestServer::new(app());
    assert!(server.io().bus().is_none());
    server.io().server_emit("note", &1).unwrap();
    assert_eq!(server.block_on(server.io().cluster_size()), Ok(1));
    assert!(server.block_on(server.io().server_ask("q", &())).unwrap().replies.is_empty());
}

#[test]
fn acknowledgements_come_from_all_servers() {
    for format in RICH {
        let (cluster, here, there) = two(format);
        let (ann, bob) = (member(&here, "tea"), member(&there, "tea"));
        let _eve = there.connect().unwrap();
        cluster.advance(Duration::from_secs(1));
        let asked = here.io().to("tea").emit_with_ack("q", &(), Duration::from_secs(2));
        ann.expect_event("q").ack(&1);
        bob.expect_event("q").ack(&2);
        let gathered = here.block_on(asked).unwrap();
        let mut acks = gathered.decode::<u32>().unwrap();
        acks.sort_unstable();
        assert_eq!((acks, gathered.missing), (vec![1, 2], 0), "{format}");
    }
}

#[test]
fn one_client_of_another_server_acknowledges() {
    for format in ALL {
        let (cluster, here, there) = two(format);
        let bob = there.connect().unwrap();
        cluster.advance(Duration::from_secs(1));
        let asked = here.io().to(bob.id()).emit_with_ack("q", &(), Duration::from_secs(2));
        bob.expect_event("q").ack("yes");
        let gathered = here.block_on(asked).unwrap();
        assert_eq!(gathered.decode::<String>(), Ok(vec!["yes".to_owned()]), "{format}");
    }
}

#[test]
fn a_question_to_an_empty_room_ends_when_all_servers_told_so() {
    for format in ALL {
        let (cluster, here, there) = two(format);
        let _bystander = there.connect().unwrap();
        cluster.advance(Duration::from_secs(1));
        let asked = here.io().to("nobody").emit_with_ack("q", &(), Duration::from_secs(2));
        let gathered = here.block_on(asked).unwrap();
        assert_eq!((gathered.acks.len(), gathered.missing), (0, 0), "{format}");
    }
}

#[test]
fn a_client_that_does_not_acknowledge_is_missing_in_time() {
    for format in RICH {
        let (_cluster, here, there) = two(format);
        let _bob = member(&there, "tea");
        let asked = here.io().to("tea").emit_with_ack("q", &(), Duration::from_secs(2));
        here.advance(Duration::from_secs(3));
        let gathered = here.block_on(asked).unwrap();
        assert_eq!((gathered.acks.len(), gathered.missing), (0, 1), "{format}");
    }
}

#[test]
fn k19_python_gathers_no_acknowledgements_of_several_clients() {
    let (_cluster, here, there) = two(Format::Python);
    let (ann, _bob) = (member(&here, "tea"), member(&there, "tea"));
    for _ in 0..2 {
        let asked = here.io().to("tea").emit_with_ack("q", &(), Duration::from_secs(2));
        let refused = here.block_on(asked);
        assert!(matches!(refused, Err(EmitError::Bus(BusError::Unsupported(_)))), "{refused:?}");
        assert!(ann.get_received().is_empty(), "nobody is asked");
        member(&here, "tea");
    }
    let asked = here.io().to("cake").emit_with_ack("q", &(), Duration::from_secs(2));
    assert!(here.block_on(asked).unwrap().acks.is_empty(), "nobody is there");
    let asked = here.io().to(ann.id()).emit_with_ack("q", &(), Duration::from_secs(2));
    ann.expect_event("q").ack(&1);
    assert_eq!(here.block_on(asked).unwrap().decode::<u32>(), Ok(vec![1]));
}

#[test]
fn k19_an_order_that_other_servers_are_not_told_of_is_carried_out_here_and_says_so() {
    let (_cluster, here, there) = two(Format::Python);
    let (ann, bob) = (member(&here, "tea"), member(&there, "tea"));
    let tea = here.io().to("tea");
    let refused = [tea.join("cake"), tea.leave(["tea", "milk"]), here.io().to("cake").disconnect()];
    for refused in refused {
        assert!(matches!(refused, Err(EmitError::Bus(BusError::Unsupported(_)))), "{refused:?}");
    }
    assert!(!ann.is_connected() && bob.is_connected());
    assert_eq!(bob.call("rooms", &()), Ok(vec!["tea".to_owned()]));
    let closed = here.io().to(bob.id()).disconnect_and_close();
    assert!(matches!(closed, Err(EmitError::Bus(BusError::Unsupported(_)))), "{closed:?}");
    assert_eq!((here.io().to(bob.id()).join("own"), here.io().close_room("tea")), (Ok(()), Ok(())));
    assert_eq!(bob.call("rooms", &()), Ok(vec!["own".to_owned()]));
}

#[test]
fn k20_an_order_that_the_broker_does_not_carry_says_so() {
    for format in RICH {
        let (_cluster, here, there) = two_over(format, 2000);
        let (ann, bob) = (member(&here, "tea"), member(&there, "tea"));
        assert_eq!(here.io().to("tea").join("x".repeat(1000)), Ok(()), "{format}");
        let refused = here.io().to("tea").join("y".repeat(2000));
        let is_large = matches!(refused, Err(EmitError::Bus(BusError::TooLarge { .. })));
        assert!(is_large, "{format}: {refused:?}");
        let rooms = |client: &TestClient| client.call::<Vec<String>>("rooms", &()).unwrap().len();
        assert_eq!((rooms(&ann), rooms(&bob)), (3, 2), "{format}");
    }
}

/// Two servers, and a broker that carries messages of so many bytes.
fn two_over(format: Format, bytes: usize) -> (TestCluster, TestServer, TestServer) {
    let cluster = TestCluster::with_format(format);
    cluster.set_largest_message(bytes);
    let (here, there) = (cluster.server(app()), cluster.server(app()));
    (cluster, here, there)
}

#[test]
fn k20_an_emit_that_is_ok_is_carried_and_one_that_is_not_says_so() {
    const LARGEST: usize = 20_000;
    for format in ALL {
        let (_cluster, here, there) = two_over(format, LARGEST);
        let client = member(&there, "tea");
        let mut refusals = [0; 2];
        for size in (13_000..LARGEST + 1000).step_by(97) {
            let (tea, bytes) = (here.io().to(["tea", "milk"]), vec![7; size]);
            let text = "\u{1}".repeat(10);
            let sent = [
                tea.emit(&text, &"x".repeat(size)),
                tea.emit(&text, &sansocket_app::Bytes::from(bytes)),
            ];
            let carried = sent.iter().filter(|sent| sent.is_ok()).count();
            assert_eq!(client.get_received().len(), carried, "{format} {size}: {sent:?}");
            for (sent, refusals) in sent.iter().zip(&mut refusals) {
                let Err(error) = sent else { continue };
                let EmitError::Bus(BusError::TooLarge { size, limit: LARGEST }) = error else {
                    panic!("{format}: {error:?}");
                };
                assert!(*size > LARGEST);
                *refusals += 1;
            }
        }
        assert!(refusals.iter().all(|count| (5..80).contains(count)), "{format} {refusals:?}");
    }
}

#[test]
fn k20_a_question_that_the_broker_does_not_carry_is_refused_at_once() {
    for format in ALL {
        let (_cluster, here, there) = two_over(format, 20_000);
        let (ann, bob) = (here.connect().unwrap(), there.connect().unwrap());
        here.advance(Duration::from_secs(1));
        for (size, is_carried) in [(10_000, true), (15_500, format != Format::Python)] {
            if format == Format::Streams && size > 10_000 {
                continue;
            }
            let bytes = sansocket_app::Bytes::from(vec![7; size]);
            let asked = here.io().to(bob.id()).emit_with_ack("q", &bytes, Duration::from_secs(2));
            if is_carried {
                bob.expect_event("q").ack(&1);
                assert_eq!(here.block_on(asked).unwrap().acks.len(), 1, "{format} {size}");
            } else {
                let refused = here.block_on(asked);
                let is_large = matches!(refused, Err(EmitError::Bus(BusError::TooLarge { .. })));
                assert!(is_large, "{format} {size}: {refused:?}");
            }
        }
        let bytes = sansocket_app::Bytes::from(vec![7; 20_000]);
        let everyone = here.io().to([ann.id(), bob.id()]);
        let asked = everyone.emit_with_ack("q", &bytes, Duration::from_secs(2));
        let refused = here.block_on(asked);
        assert!(matches!(refused, Err(EmitError::Bus(_))), "{format}: {refused:?}");
        assert!(ann.get_received().is_empty() && bob.get_received().is_empty(), "{format}");
    }
}

#[test]
fn handlers_reach_the_bus_by_any_handle() {
    let cluster = TestCluster::new();
    let mut counting = app();
    counting.on("nodes", async |io: Io| io.cluster_size().await);
    let (here, _there) = (cluster.server(counting), cluster.server(app()));
    cluster.advance(Duration::from_secs(1));
    assert_eq!(here.connect().unwrap().call("nodes", &()), Ok(2));
}
