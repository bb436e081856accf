//! The server of a test.

use std::cell::{Cell, OnceCell};
use std::fmt;
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use super::client::TestClient;
use super::clock::Clock;
use super::connect::{Connect, ConnectError};
use super::pipe::{Cable, Network, Pipes};
use crate::app::App;
use crate::client::host::Host;
use crate::client::{Client, Manager};
use crate::hub::hub::Hub;
use crate::hub::timers::Timers;
use crate::log;
use crate::sockets::io::Io;

/// An application that is served to clients of the same thread, in virtual time.
///
/// It runs whenever a test or a client of it calls, until it has nothing left to do before time
/// passes; time passes only in [`advance`](Self::advance).
pub struct TestServer {
    pub(super) world: Rc<World>,
}

/// What a server and its clients share.
pub(super) struct World {
    /// Ends first: what is left of tasks goes before what they use.
    _time: Rc<Time>,
    pub(super) hub: Arc<Hub>,
    pub(super) clock: Arc<Clock>,
    /// Its number in a cluster, if it is of one.
    pub(super) member: Option<u64>,
    cable: Arc<Mutex<Cable>>,
    /// What the clients that are not [`TestClient`]s share.
    host: OnceCell<Arc<Host<Pipes>>>,
    /// How many of them were started.
    opened: Cell<u64>,
}

impl TestServer {
    /// Serves an application on one shard.
    #[must_use]
    pub fn new(app: App) -> Self {
        Self::with_shards(app, 1)
    }

    /// Serves an application on several shards; clients are spread over them in turn.
    #[must_use]
    pub fn with_shards(app: App, shards: u16) -> Self {
        Self::within(app, shards, Time::new(), (SEED, None))
    }

    pub(super) fn within(
        mut app: App,
        shards: u16,
        time: Rc<Time>,
        (seed, member): ([u8; 32], Option<u64>),
    ) -> Self {
        app.on_error
            .get_or_insert_with(|| Arc::new(|error| log::error_at_once(error.socket.id(), &error)));
        let clock = time.clock().clone();
        let hub = Hub::new(app, clock.clone(), shards, seed);
        clock.start(Box::pin(Timers::new(&hub)));
        let (cable, host, opened) = (Arc::default(), OnceCell::new(), Cell::new(0));
        let world = World { _time: time, hub, clock, member, cable, host, opened };
        Self { world: Rc::new(world) }
    }

    /// Connects a client to the namespace `/`.
    ///
    /// # Errors
    /// Why the client is not in the namespace now.
    pub fn connect(&self) -> Result<TestClient, ConnectError> {
        self.client().connect()
    }

    /// Prepares a client: its namespace, auth payload, query, headers and cookies.
    pub fn client(&self) -> Connect {
        Connect::new(self.world.clone())
    }

    /// Starts a client, as bindings do: whatever its URL, it finds this server. It connects when a namespace is to be
    /// joined, and speaks the protocol in full, HTTP long-polling included.
    ///
    /// ```
    /// use sansocket_app::client::{Client, UrlError};
    /// use sansocket_app::test::TestServer;
    /// use sansocket_app::{App, Socket};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut app = App::new();
    /// app.on("greet", async |socket: Socket| socket.call::<String>("name", &()).await);
    /// let server = TestServer::new(app);
    ///
    /// let mut client = Client::new("http://localhost")?;
    /// client.on("name", || "Ann");
    /// let manager = server.open(client);
    /// let socket = server.block_on(manager.connect())?;
    /// assert_eq!(server.block_on(socket.call::<String>("greet", &())), Ok("Ann".to_owned()));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    /// When a handler takes a [`State`](crate::State) that
    /// [`Client::manage`](crate::client::Client::manage) was given no value of.
    #[must_use]
    pub fn open(&self, client: Client) -> Manager {
        let World { hub, clock, cable, host, opened, .. } = &*self.world;
        let pipes = || Host::start(Pipes::new(clock.clone(), hub, cable.clone()));
        let host = host.get_or_init(pipes);
        // Each client draws numbers of its own, and the same ones in every run.
        let number = opened.replace(opened.get() + 1);
        let mut seed = SEED;
        seed[..8].copy_from_slice(&number.to_le_bytes());
        host.open_with(client, seed)
    }

    /// Cuts the streams of the [clients that are started](Self::open) here, or lets them through again.
    pub fn set_network(&self, network: Network) {
        Cable::set(&self.world.cable, network);
        self.run();
    }

    /// Returns the handle that background tasks and other parts of an application use.
    #[must_use]
    pub fn io(&self) -> Io {
        Io::new(self.world.hub.clone())
    }

    /// Runs everything that can go on without time passing.
    ///
    /// # Panics
    /// When a background task does, or when there is no end to it.
    pub fn run(&self) {
        self.world.clock.settle();
    }

    /// Lets time pass. Whatever falls due meanwhile happens in its order: ends of sleeps, timeouts
    /// of acknowledgements, pings.
    ///
    /// # Panics
    /// When a background task does.
    pub fn advance(&self, duration: Duration) {
        self.world.clock.advance(duration);
    }

    /// Runs a future to its end, such as the answers to a broadcast. No time passes for it.
    ///
    /// # Panics
    /// When it waits for time to pass or for a client.
    #[track_caller]
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        let waker = Waker::from(woken.clone());
        while woken.0.swap(false, Ordering::AcqRel) {
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return output;
            }
            self.run();
        }
        panic!("the future waits for time to pass or for a client");
    }
}

/// Whether a future of the test can go on.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// Ids are the same in every run.
pub(super) const SEED: [u8; 32] = [7; 32];

/// The clock of one server, or of those of a cluster. Its tasks end with it.
pub(super) struct Time(Arc<Clock>);

impl Time {
    pub(super) fn new() -> Rc<Self> {
        Rc::new(Self(Clock::new()))
    }

    pub(super) fn clock(&self) -> &Arc<Clock> {
        &self.0
    }
}

impl Drop for Time {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl fmt::Debug for TestServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.world.hub.fmt(f)
    }
}
