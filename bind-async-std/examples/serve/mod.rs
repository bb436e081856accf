//! Serves an example application on smol, or async-std, until it is asked to stop.

use examples::options::Options;
use sansocket_async_std::{App, Config, Listener, Server};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::env;
use std::io;
use std::process::Command;
use std::thread;

/// Listens, says where, and serves.
pub(crate) fn run(options: &Options, app: impl FnOnce(Config) -> App) -> io::Result<()> {
    if env::var_os(THREADS).is_none() {
        return run_again(options);
    }
    let listener = Listener::tcp((options.host.as_str(), options.port))?;
    let server = Server::new(app(options.config.clone()));
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    println!("listening on {}", listener.local_addr());
    let stopping = server.io();
    thread::spawn(move || {
        if signals.forever().next().is_some() {
            stopping.stop();
        }
    });
    async_io::block_on(server.serve_on([listener]))
}

/// Starts the program anew with the number of threads of the command line: both executors read it
/// from the environment, which a program cannot safely change for itself.
fn run_again(options: &Options) -> io::Result<()> {
    let cores = || thread::available_parallelism().map_or(1, usize::from);
    let threads = options.threads.unwrap_or_else(cores).to_string();
    let mut program = Command::new(env::current_exe()?);
    become_it(program.args(env::args_os().skip(1)).env(THREADS, &threads))
}

#[cfg(unix)]
fn become_it(program: &mut Command) -> io::Result<()> {
    Err(std::os::unix::process::CommandExt::exec(program))
}

#[cfg(not(unix))]
fn become_it(program: &mut Command) -> io::Result<()> {
    program.status().map(drop)
}

#[cfg(feature = "smol")]
const THREADS: &str = "SMOL_THREADS";
#[cfg(not(feature = "smol"))]
const THREADS: &str = "ASYNC_STD_THREAD_COUNT";
