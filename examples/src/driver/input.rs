//! The standard input of a driver.

use std::io::BufRead as _;
use std::thread;

use super::command::{Command, Fields, Unfit, millis};
use super::report::{Report, unsupported};

/// What the standard input says.
#[derive(Debug)]
pub enum Line {
    /// A command, and its name.
    Command(String, Box<Command>),
    /// Nothing follows.
    End,
}

/// Reads commands on a thread of its own, and hands them over until `take` says that it takes no more.
///
/// The thread itself does what concerns the reading: it sleeps, and refuses what is no command.
pub fn read(mut take: impl FnMut(Line) -> bool + Send + 'static) {
    thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            let fields: Fields<'_> = match serde_json::from_str(&line) {
                Ok(fields) => fields,
                Err(_) if line.trim().is_empty() => continue,
                Err(error) => {
                    let message = error.to_string();
                    let message = Some(&*message);
                    Report::Error { op: "", option: None, error: "failed", message }.print();
                    continue;
                }
            };
            let op = fields.op.clone();
            match &*op {
                "exit" => break,
                "sleep" => {
                    thread::sleep(millis(fields.ms.unwrap_or(0.0)));
                    continue;
                }
                _ => {}
            }
            match fields.command() {
                Ok(command) => {
                    if !take(Line::Command(op, Box::new(command))) {
                        return;
                    }
                }
                Err(Unfit::Unknown) => unsupported(&op, None),
                Err(Unfit::Wrong(message)) => {
                    let message = Some(&*message);
                    Report::Error { op: &op, option: None, error: "failed", message }.print();
                }
            }
        }
        take(Line::End);
    });
}
