//! Events and acknowledgements.

use sansocket::{Bytes, Misuse, Refused, Target};
use testbed::{Item, Sim, WebSocket};

/// Takes a question and returns its id.
fn asked(ws: &mut WebSocket, event: &str) -> u64 {
    let text = ws.recv();
    let rest = text.strip_prefix("42").expect("an event");
    let id = rest.strip_suffix(&format!("[\"{event}\"]")).expect("that event");
    id.parse().expect("an id")
}

#[test]
fn events_travel_both_ways_in_order() {
    let mut sim = Sim::new();
    let mut ws = sim.joined();
    for i in 0..5 {
        ws.send(&format!("42[\"in\",{i}]"));
        sim.socket(1).emit("out", &format!("[{i}]")).unwrap();
    }
    let outs: Vec<_> = (0..5).map(|i| Item::Text(format!("42[\"out\",{i}]"))).collect();
    assert_eq!(ws.all(), outs);
    let ins: Vec<_> = (0..5).map(|i| format!("event 1 in [{i}]")).collect();
    assert_eq!(sim.events()[1..], ins);
}

#[test]
fn arguments_travel_as_they_were_written() {
    let mut sim = Sim::new();
    sim.app(|app| app.echoes = true);
    let mut ws = sim.joined();
    for args in [
        "",
        ",null,true,false,0,-1.5,9007199254740991,\"s\",\"\",[],{}",
        ",[1,[2,[3]]],{\"a\":{\"b\":{\"c\":[null,\"x\"]}}}",
        ",\"\\ud800\",1e999,{\"a\":1,\"a\":2},{\"__proto__\":1}",
        ", 1 ,\t\"a\\nb\" ",
    ] {
        ws.send(&format!("42[\"m\"{args}]"));
        assert_eq!(ws.recv(), format!("42[\"m-back\"{}]", args.replace(", 1 ,", ",1 ,")), "{args}");
    }
}

#[test]
fn names_may_be_numbers_and_are_unescaped() {
    let mut sim = Sim::new();
    let mut ws = sim.joined();
    ws.send("42[1,\"x\"]");
    ws.send(r#"42["a\u00e9\"b"]"#);
    ws.send("42[\"\"]");
    assert_eq!(sim.events()[1..], ["event 1 1 [\"x\"]", "event 1 aé\"b []", "event 1  []"]);
    sim.socket(1).emit("quote\" \u{1} é", "[]").unwrap();
    assert_eq!(ws.recv(), r#"42["quote\" \u0001 é"]"#);
}

#[test]
fn reserved_names_are_neither_taken_nor_sent() {
    for name in
        ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]
    {
        let mut sim = Sim::new();
        let mut ws = sim.joined();
        assert_eq!(sim.socket(1).emit(name, "[]"), Err(Refused::Misuse(Misuse::ReservedEvent)));
        let target = Target::namespace("/");
        let args = sansocket::ArgsRef::NONE;
        let sent = sim.on(0, |server, _| server.broadcast(&target, name, args));
        assert_eq!(sent, Err(Misuse::ReservedEvent));
        ws.send(&format!("42[\"{name}\",\"x\"]"));
        assert_eq!(ws.all(), [Item::Close(1008)]);
        assert_eq!(sim.events()[1..], ["disconnect 1 Violation(ReservedEvent)"]);
    }
}

#[test]
fn an_escaped_reserved_name_is_reserved_too() {
    let mut sim = Sim::new();
    let mut ws = sim.joined();
    ws.send(r#"42["\u0063onnect"]"#);
    assert_eq!(sim.events()[1..], ["disconnect 1 Violation(ReservedEvent)"]);
}

#[test]
fn an_event_named_error_is_an_ordinary_event() {
    let mut sim = Sim::new();
    let mut ws = sim.joined();
    ws.send("42[\"error\",\"x\"]");
    ws.send("42[\"error\"]");
    assert_eq!(sim.events()[1..], ["event 1 error [\"x\"]", "event 1 error []"]);
}

#[test]
fn a_client_is_answered_under_its_own_id() {
    let mut sim = Sim::new();
    let mut ws = sim.joined();
    ws.join("/a");
    for id in ["0", "7", "9007199254740991"] {
        ws.send(&format!("42{id}[\"q\",1]"));
        sim.acknowledge("[\"yes\"]", &[]);
        assert_eq!(ws.recv(), format!("43{id}[\"yes\"]"));
    }
    ws.send("42/a,3[\"q\"]");
    sim.acknowledge("[]", &[Bytes::from_static(b"\x01")]);
    assert_eq!(ws.all(), [Item::Text("461-/a,3[]".into()), Item::Binary(vec![1])]);
    assert_eq!(sim.events()[2], "event 1 q [1] asking");
}

#[test]
fn answers_may_come_in_any_order() {
    let mut sim = Sim::new();
    let mut ws = sim.joined();
    let first = sim.socket(1);
    first.ask("a", 1000).unwrap();
    first.ask("b", 1000).unwrap();
    let (a, b) = (asked(&mut ws, "a"), asked(&mut ws, "b"));
    ws.send(&format!("43{b}[\"B\"]"));
    ws.send(&format!("43{a}[\"A\",2]"));
    assert_eq!(sim.events()[1..], ["answer 2 from 1 [\"B\"]", "answer 1 from 1 [\"A\",2]"]);
    assert_eq!(sim.counts().questions, 0);
}

#[test]
fn the_first_question_has_id_0() {
    let sim = Sim::new();
    let mut ws = sim.joined();
    sim.socket(1).ask("a", 1000).unwrap();
    assert_eq!(asked(&mut ws, "a"), 0);
}

#[test]
fn a_question_is_answered_once() {
    let mut sim = Sim::new();
    let mut ws = sim.joined();
    sim.socket(1).ask("q", 1000).unwrap();
    let id = asked(&mut ws, "q");
    ws.send(&format!("43{id}[1]"));
    ws.send(&format!("43{id}[2]"));
    sim.advance(2000);
    ws.vanish();
    let events = sim.events();
    assert_eq!(events[1..], ["answer 1 from 1 [1]", "disconnect 1 TransportClose"]);
}

#[test]
fn a_question_that_is_not_answered_times_out_once() {
    let mut sim = Sim::new();
    let mut ws = sim.joined();
    sim.socket(1).ask("q", 1000).unwrap();
    let id = asked(&mut ws, "q");
    sim.advance(999);
    assert_eq!(sim.events().len(), 1);
    sim.advance(1);
    ws.send(&format!("43{id}[\"late\"]"));
    ws.vanish();
    assert_eq!(sim.events(), ["answer 1 from 1 timed out", "disconnect 1 TransportClose"]);
    assert_eq!(sim.counts().questions, 0);
}

#[test]
fn a_client_that_leaves_answers_nothing_any_more() {
    let mut sim = Sim::new();
    let mut ws = sim.joined();
    sim.socket(1).ask("a", 1000).unwrap();
    sim.socket(1).ask("b", 1000).unwrap();
    ws.vanish();
    sim.advance(2000);
    let events = sim.events();
    assert_eq!(
        events[1..],
        [
            "answer 1 from 1 disconnected",
            "answer 2 from 1 disconnected",
            "disconnect 1 TransportClose"
        ]
    );
}

#[test]
fn nobody_answers_for_somebody_else() {
    let mut sim = Sim::new();
    let mut victim = sim.joined();
    let mut thief = sim.joined();
    thief.join("/a");
    sim.socket(1).ask("q", 1000).unwrap();
    let id = asked(&mut victim, "q");
    thief.send(&format!("43{id}[\"mine\"]"));
    thief.send(&format!("43/a,{id}[\"mine\"]"));
    victim.send("40/a,");
    victim.send(&format!("43/a,{id}[\"wrong namespace\"]"));
    victim.send("4399[\"unknown\"]");
    victim.send("439007199254740991[\"unknown\"]");
    victim.send(&format!("43{id}[\"right\"]"));
    let answers: Vec<_> = sim.events().into_iter().filter(|e| e.starts_with("answer")).collect();
    assert_eq!(answers, ["answer 1 from 1 [\"right\"]"]);
}

#[test]
fn an_answer_may_be_binary() {
    let mut sim = Sim::new();
    let mut ws = sim.joined();
    sim.socket(1).ask("q", 1000).unwrap();
    let id = asked(&mut ws, "q");
    ws.send(&format!("461-{id}[{{\"_placeholder\":true,\"num\":0}}]"));
    ws.send_binary(b"\x2a");
    let answer = r#"answer 1 from 1 [{"_placeholder":true,"num":0}] 0x2a"#;
    assert_eq!(sim.events()[1..], [answer]);
}

#[test]
fn a_question_to_many_collects_one_answer_each_then_it_is_done() {
    let mut sim = Sim::new();
    let mut clients: Vec<_> = (0..3).map(|_| sim.joined()).collect();
    let question = sim.ask_all(&Target::namespace("/"), "q", 1000);
    assert_eq!(question, testbed::Question(1));
    for (n, ws) in clients.iter_mut().enumerate() {
        let id = asked(ws, "q");
        ws.send(&format!("43{id}[{n}]"));
        ws.send(&format!("43{id}[\"again\"]"));
    }
    assert_eq!(
        sim.events()[3..],
        [
            "answer 1 from 1 [0]",
            "answer 1 from 2 [1]",
            "answer 1 from 3 [2]",
            "answer 1 done, 0 missing"
        ]
    );
    assert_eq!(sim.counts().questions, 0);
}

#[test]
fn a_question_to_many_counts_who_did_not_answer() {
    let mut sim = Sim::new();
    let mut clients: Vec<_> = (0..3).map(|_| sim.joined()).collect();
    sim.ask_all(&Target::namespace("/"), "q", 1000);
    let id = asked(&mut clients[0], "q");
    clients[0].send(&format!("43{id}[]"));
    clients[1].vanish();
    sim.advance(1000);
    clients[2].send(&format!("43{id}[\"late\"]"));
    assert_eq!(
        sim.events()[3..],
        ["answer 1 from 1 []", "disconnect 2 TransportClose", "answer 1 done, 2 missing"]
    );
    assert_eq!(sim.counts().questions, 0);
}

#[test]
fn a_question_to_nobody_is_done_at_once() {
    let mut sim = Sim::new();
    sim.ask_all(&Target::namespace("/nowhere"), "q", 1000);
    assert_eq!(sim.events(), ["answer 1 done, 0 missing"]);
    sim.advance(1000);
    assert_eq!(sim.events(), [""; 0]);
}

#[test]
fn everybody_is_asked_under_one_id() {
    let sim = Sim::new();
    let mut a = sim.joined();
    let mut b = sim.joined();
    sim.socket(1).ask("other", 1000).unwrap();
    assert_eq!(asked(&mut a, "other"), 0);
    sim.ask_all(&Target::namespace("/"), "q", 1000);
    assert_eq!((asked(&mut a, "q"), asked(&mut b, "q")), (1, 1));
}

#[test]
fn an_acknowledgement_for_a_client_that_left_goes_nowhere() {
    let sim = Sim::new();
    let mut ws = sim.joined();
    ws.send("420[\"q\"]");
    ws.vanish();
    let _other = sim.joined();
    sim.acknowledge("[]", &[]);
    assert_eq!(sim.counts().bytes, 0);
}

#[test]
fn many_questions_that_were_answered_leave_nothing_behind() {
    let mut sim = Sim::new();
    let mut ws = sim.joined();
    for i in 0..1000 {
        if i % 2 == 0 {
            sim.socket(1).ask("q", 3_600_000).unwrap();
        } else {
            sim.ask_all(&Target::namespace("/"), "q", 3_600_000);
        }
        let id = asked(&mut ws, "q");
        ws.send(&format!("43{id}[]"));
    }
    assert_eq!(sim.events().len(), 1 + 500 + 1000);
    assert_eq!(sim.counts().questions, 0);
}
