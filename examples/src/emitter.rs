//! A process that serves nobody and emits what its standard input says: one JSON object per line.

use sansocket::Bytes;
use sansocket_app::ArgsRef;
use sansocket_emitter::{Emitter, EmitterConfig, Target};
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::BufRead;
use std::process::ExitCode;

use crate::bus::{self, Bus};

/// What one line says.
#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    op: Op,
    #[serde(default = "root")]
    nsp: String,
    #[serde(default)]
    rooms: Vec<Value>,
    #[serde(default)]
    except: Vec<Value>,
    #[serde(default)]
    event: String,
    #[serde(default)]
    args: Vec<Value>,
    #[serde(default)]
    to: Vec<Value>,
    #[serde(default)]
    close: bool,
}

fn root() -> String {
    "/".into()
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Op {
    #[default]
    Emit,
    Join,
    Leave,
    Disconnect,
    Close,
    ServerEmit,
}

/// Does what the lines of standard input say, and waits by `flush` until the broker has confirmed it. Returns the status of the process: 1,
/// after a line on standard error, when the broker cannot be reached, or a line cannot be done.
#[must_use]
pub fn run(
    flush: impl FnOnce(sansocket_emitter::Flush) -> Result<(), sansocket_emitter::Unconfirmed>,
) -> ExitCode {
    let done = connect().and_then(|emitter| {
        for line in std::io::stdin().lock().lines() {
            let line = line.map_err(|error| error.to_string())?;
            if !line.trim().is_empty() {
                say(&emitter, &line)?;
            }
        }
        flush(emitter.flush()).map_err(|error| error.to_string())
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", error.replace('\n', " "));
            ExitCode::FAILURE
        }
    }
}

/// Reads the command line, and connects.
fn connect() -> Result<Emitter, String> {
    let bus = options().map_err(|error| format!("{error}; the options are\n{}", bus::USAGE))?;
    let broker = bus.broker()?.ok_or("--bus is missing")?;
    let mut config = EmitterConfig::new(bus.config.format);
    config.prefix = bus.config.prefix;
    (config.streams, config.room_channels) = (bus.config.streams, bus.config.room_channels);
    Emitter::connect(broker, config).map_err(|error| error.to_string())
}

fn options() -> Result<Bus, lexopt::Error> {
    let mut bus = Bus::default();
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        let lexopt::Arg::Long(name) = argument else { return Err(argument.unexpected()) };
        let name = name.to_owned();
        if !bus.option(&name, &mut parser)? {
            return Err(format!("unknown option --{name}").into());
        }
    }
    Ok(bus)
}

/// Does what one line says.
fn say(emitter: &Emitter, line: &str) -> Result<(), String> {
    let line: Line = serde_json::from_str(line).map_err(|error| format!("{error}: {line}"))?;
    let rooms = names(&line.rooms);
    let target = emitter.of(&line.nsp).to(rooms.as_slice()).except(names(&line.except));
    let done = match line.op {
        Op::Emit => with_args(line.args, |args| target.emit(&line.event, args)),
        Op::ServerEmit => with_args(line.args, |args| target.server_emit(&line.event, args)),
        Op::Join => target.join(names(&line.to)),
        Op::Leave => target.leave(names(&line.to)),
        Op::Disconnect => disconnect(&target, line.close),
        Op::Close => rooms.iter().try_for_each(|room| target.close_room(room)),
    };
    done.map_err(|error| error.to_string())
}

fn disconnect(target: &Target<'_>, close: bool) -> Result<(), sansocket_emitter::EmitError> {
    if close { target.disconnect_and_close() } else { target.disconnect() }
}

/// Names of rooms; a number is its decimal text.
fn names(rooms: &[Value]) -> Vec<String> {
    rooms.iter().map(|room| room.as_str().map_or_else(|| room.to_string(), str::to_owned)).collect()
}

/// Lends arguments with the binary values in them: `{"$hex":"00ff"}` is one.
fn with_args<T>(args: Vec<Value>, act: impl FnOnce(ArgsRef<'_>) -> T) -> T {
    let mut attachments = Vec::new();
    let json = Value::from_iter(args.into_iter().map(|arg| taken(arg, &mut attachments)));
    act(ArgsRef::from_valid(&json.to_string(), &attachments))
}

/// The value with placeholders for the binary values, which are taken out.
fn taken(value: Value, attachments: &mut Vec<Bytes>) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(|item| taken(item, attachments)).collect(),
        Value::Object(fields) => match fields.get("$hex").and_then(Value::as_str).and_then(unhex) {
            Some(bytes) => {
                attachments.push(bytes);
                json!({"_placeholder": true, "num": attachments.len() - 1})
            }
            None => {
                fields.into_iter().map(|(key, field)| (key, taken(field, attachments))).collect()
            }
        },
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => other,
    }
}

fn unhex(text: &str) -> Option<Bytes> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}
