//! The command line.

use crate::Result;
use std::net::SocketAddr;
use std::time::Duration;

/// What is asked of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    Ack,
    Binary,
    Broadcast,
    Burst,
    Cluster,
    Connect,
    Echo,
    Idle,
    Polling,
    Sessions,
}

pub struct Options {
    pub scenario: Scenario,
    pub address: SocketAddr,
    /// The nodes of a cluster.
    pub nodes: Vec<SocketAddr>,
    /// The processes of the server, or of all nodes, if they are to be measured.
    pub pids: Vec<u32>,
    /// The process between the nodes.
    pub broker: Option<u32>,
    pub connections: usize,
    pub in_flight: usize,
    /// Messages per second over all connections at intended times; 0 sends when a reply came.
    pub rate: u64,
    /// Rooms of a cluster.
    pub rooms: usize,
    /// Bytes of the payload next to the number of a message.
    pub size: usize,
    /// Packets in one POST.
    pub packets: usize,
    /// Events that one request of `burst` asks for; messages per connection between two readings of
    /// `idle`.
    pub burst: usize,
    pub seconds: Duration,
    pub warmup: Duration,
    /// Counts system calls for half a second after the measured time.
    pub syscalls: bool,
    /// The other side is a floor: no Socket.IO, the same bytes come back.
    pub floor: bool,
}

impl Options {
    pub fn read() -> Result<Self> {
        let mut options = Self {
            scenario: Scenario::Echo,
            address: ([127, 0, 0, 1], 5000).into(),
            nodes: Vec::new(),
            pids: Vec::new(),
            broker: None,
            connections: 64,
            in_flight: 1,
            rate: 0,
            rooms: 1,
            size: 32,
            packets: 1,
            burst: 0,
            seconds: Duration::from_secs(3),
            warmup: Duration::from_millis(500),
            syscalls: false,
            floor: false,
        };
        let mut named = false;
        let mut args = lexopt::Parser::from_env();
        while let Some(arg) = args.next().map_err(said)? {
            named |= matches!(arg, lexopt::Arg::Value(_));
            if let lexopt::Arg::Long("help") = arg {
                return Err(USAGE.into());
            }
            options.set(&arg_name(arg)?, &mut args)?;
        }
        if !named {
            return Err(USAGE.into());
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, args: &mut lexopt::Parser) -> Result<()> {
        match name {
            "url" => self.address = address(&value::<String>(args)?)?,
            "node" => self.nodes.push(address(&value::<String>(args)?)?),
            "pid" => self.pids.push(value(args)?),
            "broker" => self.broker = Some(value(args)?),
            "connections" => self.connections = value(args)?,
            "in-flight" => self.in_flight = value(args)?,
            "rate" => self.rate = value(args)?,
            "rooms" => self.rooms = value(args)?,
            "size" => self.size = value(args)?,
            "packets" => self.packets = value(args)?,
            "burst" => self.burst = value(args)?,
            "seconds" => self.seconds = Duration::from_secs_f64(value(args)?),
            "warmup" => self.warmup = Duration::from_secs_f64(value(args)?),
            "syscalls" => self.syscalls = true,
            "floor" => self.floor = true,
            scenario => self.scenario = Scenario::named(scenario)?,
        }
        Ok(())
    }
}

impl Scenario {
    fn named(name: &str) -> Result<Self> {
        Ok(match name {
            "=ack" => Self::Ack,
            "=binary" => Self::Binary,
            "=broadcast" => Self::Broadcast,
            "=burst" => Self::Burst,
            "=cluster" => Self::Cluster,
            "=connect" => Self::Connect,
            "=echo" => Self::Echo,
            "=idle" => Self::Idle,
            "=polling" => Self::Polling,
            "=sessions" => Self::Sessions,
            other => return Err(format!("unknown argument {other:?}\n{USAGE}")),
        })
    }

    pub fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

/// An option's name, or a scenario's behind `=`.
fn arg_name(arg: lexopt::Arg<'_>) -> Result<String> {
    match arg {
        lexopt::Arg::Long(name) => Ok(name.into()),
        lexopt::Arg::Value(value) => Ok(format!("={}", value.to_string_lossy())),
        short @ lexopt::Arg::Short(_) => Err(short.unexpected().to_string()),
    }
}

fn value<T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>>(
    args: &mut lexopt::Parser,
) -> Result<T> {
    use lexopt::ValueExt;
    args.value().and_then(|value| value.parse()).map_err(said)
}

fn address(url: &str) -> Result<SocketAddr> {
    let address = url.trim_start_matches("http://").trim_end_matches('/').parse::<SocketAddr>();
    let address = address.map_err(|error| format!("--url {url}: {error}"))?;
    if address.ip().is_loopback() { Ok(address) } else { Err(format!("{url} is not loopback")) }
}

fn said(error: lexopt::Error) -> String {
    format!("{error}\n{USAGE}")
}

const USAGE: &str =
    "usage: load echo|ack|binary|burst|broadcast|cluster|polling|connect|idle|sessions --url http://127.0.0.1:PORT
  --pid PID --connections 64 --in-flight 1 --rate 0 --size 32 --packets 1 --burst 0
  --seconds 3 --warmup 0.5 --syscalls --floor
  cluster: --node http://127.0.0.1:PORT and --pid PID of each, --broker PID --rooms 1";
