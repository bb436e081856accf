//! A process that carries messages between two buses, as its command line says.

use lexopt::prelude::*;
use sansocket_bus::{Bridge, Broker, NodeConfig};

use crate::bus;

/// Reads the command line, and begins to carry. The status of the process is for the caller: 2, say, after an error.
///
/// # Errors
/// A text that says what is wrong with the command line, or why the two buses cannot be joined.
pub fn start() -> Result<Bridge, String> {
    let Ends { from, to, namespaces } =
        Ends::read().map_err(|error| format!("{error}; the options are\n{USAGE}"))?;
    let (from, to) = (from.open("--from")?, to.open("--to")?);
    let named: Vec<&str> = namespaces.iter().map(String::as_str).collect();
    let namespaces = if named.is_empty() { &["/"][..] } else { &named };
    Bridge::start(from, to, namespaces).map_err(|error| error.to_string())
}

/// What the command line says.
#[derive(Default)]
struct Ends {
    from: End,
    to: End,
    namespaces: Vec<String>,
}

#[derive(Default)]
struct End {
    url: Option<String>,
    config: NodeConfig,
}

impl Ends {
    fn read() -> Result<Self, lexopt::Error> {
        let mut ends = Self::default();
        let (from, to) = (&mut ends.from, &mut ends.to);
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            let Long(name) = argument else { return Err(argument.unexpected()) };
            match name {
                "from" => from.url = Some(parser.value()?.string()?),
                "to" => to.url = Some(parser.value()?.string()?),
                "from-format" => from.config.format = parser.value()?.parse_with(bus::format)?,
                "to-format" => to.config.format = parser.value()?.parse_with(bus::format)?,
                "from-channel" => from.config.prefix = Some(parser.value()?.string()?.into()),
                "to-channel" => to.config.prefix = Some(parser.value()?.string()?.into()),
                "namespace" => ends.namespaces.push(parser.value()?.string()?),
                _ => return Err(argument.unexpected()),
            }
        }
        Ok(ends)
    }
}

impl End {
    fn open(self, option: &str) -> Result<(Box<dyn Broker>, NodeConfig), String> {
        let url =
            self.url.ok_or_else(|| format!("{option} is missing; the options are\n{USAGE}"))?;
        Ok((bus::broker(&url)?, self.config))
    }
}

const USAGE: &str = "  --from URL                one message queue: redis, rediss, unix, redis+sentinel, nats, amqp or kafka
  --from-format FORMAT      python, js, js-streams or native (default native)
  --from-channel NAME       channel, key or prefix (default: that of the format)
  --to URL                  the other message queue, which may be the same
  --to-format FORMAT        its format
  --to-channel NAME         its channel, key or prefix
  --namespace NAME          a namespace that is carried; may be given several times (default /)";
