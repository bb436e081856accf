//! The command line that the example servers share.

use lexopt::prelude::*;
use sansocket_app::{Config, Deflate, Msgpack, Recovery};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::bus::{self, Bus};

/// What the command line says.
#[derive(Clone, Debug)]
pub struct Options {
    /// Port on 127.0.0.1; 0 takes any that is free.
    pub port: u16,
    /// Address to listen on.
    pub host: String,
    /// Threads; `None` takes one per core.
    pub threads: Option<usize>,
    /// Certificate chain and key, as PEM files, for the example that serves https.
    pub tls: (PathBuf, PathBuf),
    /// Settings, with the times of the command line.
    pub config: Config,
    /// The message queue that joins it with other servers.
    pub bus: Bus,
}

impl Options {
    /// Reads the command line of this process, with defaults for options that are absent.
    ///
    /// Ends the process with a message when it cannot be understood.
    #[must_use]
    pub fn read(port: u16, config: Config) -> Self {
        let tls = (CERTIFICATE.into(), KEY.into());
        let host = "127.0.0.1".into();
        let defaults = Self { port, host, threads: None, tls, config, bus: Bus::default() };
        match defaults.parse() {
            Ok(options) => options,
            Err(error) => {
                eprintln!("{error}\n{USAGE}\n{}", bus::USAGE);
                std::process::exit(2);
            }
        }
    }

    fn parse(mut self) -> Result<Self, lexopt::Error> {
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            let Long(name) = argument else { return Err(argument.unexpected()) };
            let name = name.to_owned();
            let config = &mut self.config;
            match name.as_str() {
                "port" => self.port = parser.value()?.parse()?,
                "host" => self.host = parser.value()?.parse()?,
                "threads" => self.threads = Some(parser.value()?.parse()?),
                "cert" => self.tls.0 = parser.value()?.into(),
                "key" => self.tls.1 = parser.value()?.into(),
                "ping-interval-ms" => config.ping_interval = millis(&mut parser)?,
                "ping-timeout-ms" => config.ping_timeout = millis(&mut parser)?,
                "connect-timeout-ms" => config.connect_timeout = millis(&mut parser)?,
                "allow-eio3" => config.allow_eio3 = true,
                "allow-jsonp" => config.allow_jsonp = true,
                "session-node" => config.node = Some(parser.value()?.parse()?),
                "trust-forwarded" => config.trust_forwarded = true,
                "csr" | "recovery" => config.recovery = Some(Recovery::default()),
                "max-payload" => config.limits.max_payload = parser.value()?.parse()?,
                "deflate" => config.deflate = Some(small_deflate()),
                "parser" => {
                    config.parser = match parser.value()?.to_str() {
                        Some("default") => None,
                        Some("msgpack") => Some(Arc::new(Msgpack)),
                        other => return Err(format!("unknown parser {other:?}").into()),
                    };
                }
                "help" => {
                    println!("{USAGE}\n{}", bus::USAGE);
                    std::process::exit(0);
                }
                _ if self.bus.option(&name, &mut parser)? => {}
                _ => return Err(format!("unknown option --{name}").into()),
            }
        }
        Ok(self)
    }
}

/// Compresses nearly all messages, each on its own.
fn small_deflate() -> Deflate {
    let mut deflate = Deflate::default();
    deflate.threshold = 16;
    deflate
}

fn millis(parser: &mut lexopt::Parser) -> Result<Duration, lexopt::Error> {
    Ok(Duration::from_millis(parser.value()?.parse()?))
}

/// Where `examples/tls/make-certificate` leaves them.
const CERTIFICATE: &str = "target/tls/certificate.pem";
const KEY: &str = "target/tls/key.pem";

const USAGE: &str = "options:
  --port PORT               port to listen on, 0 for any
  --host ADDRESS            address to listen on (default 127.0.0.1)
  --threads N               threads (default: one per core)
  --cert FILE               certificate chain for https (default target/tls/certificate.pem)
  --key FILE                its key (default target/tls/key.pem)
  --ping-interval-ms MS     time between pings
  --ping-timeout-ms MS      time a client has to answer a ping
  --connect-timeout-ms MS   time a client has to join a namespace
  --max-payload BYTES       largest message a client may send
  --allow-eio3              let clients of Socket.IO 2 in
  --allow-jsonp             let clients poll by JSONP
  --session-node NAME       name in front of session ids
  --trust-forwarded         believe what a proxy says of its clients
  --recovery, --csr         let clients whose connections were lost come back to where they were
  --parser NAME             default or msgpack
  --deflate                 compress messages on WebSockets, for clients that offer it";
