//! What an application hears of the events that it sends.

use sansocket_app::test::TestServer;
use sansocket_app::{App, Outgoing, Socket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[test]
fn each_emit_is_heard_once_before_it_leaves() {
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let mut app = App::new();
    let lines = heard.clone();
    app.on_any_outgoing(move |out: Outgoing<'_>| {
        let to = if out.socket.is_some() { "one" } else { "all" };
        let line = format!("{} {to} {} {}", out.namespace, out.event, out.args.json());
        lines.lock().unwrap().push(line);
    });
    app.on("go", |socket: Socket| {
        let second = Duration::from_secs(1);
        socket.emit("a", &1)?;
        socket.emit_volatile("b", &(1, 2))?;
        socket.emit_uncompressed("c", &())?;
        socket.emit_then("d", &(), second, |_| ())?;
        drop(socket.emit_with_ack("e", &(), second));
        socket.nsp().emit("f", "x")?;
        socket.nsp().uncompressed().emit("g", &())?;
        drop(socket.io().of("/other").emit_with_ack("h", &(), second));
        Ok::<_, sansocket_app::EmitError>("acknowledged")
    });
    let server = TestServer::new(app);
    let clients = [server.connect().unwrap(), server.connect().unwrap()];
    assert_eq!(clients[0].call("go", &()), Ok("acknowledged".to_owned()));
    assert_eq!(
        *heard.lock().unwrap(),
        [
            "/ one a [1]",
            "/ one b [1,2]",
            "/ one c []",
            "/ one d []",
            "/ one e []",
            "/ all f [\"x\"]",
            "/ all g []",
            "/other all h []",
        ]
    );
    assert_eq!(clients[1].expect::<String>("f"), "x");
    clients[0].expect::<()>("c");
    clients[0].expect::<()>("g");
}
