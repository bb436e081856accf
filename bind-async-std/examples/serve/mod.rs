//! Serves an example application on smol, or async-std, until it is asked to stop. Where both are built in,
//! `EXECUTOR=async-std` takes the second.

use examples::options::Options;
use sansocket_async_std::{App, Config, Executor, Io, Listener, Server};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::env;
use std::io;
use std::process::Command;
use std::thread;

/// Listens, says where, and serves.
#[allow(dead_code, reason = "some examples do more once there is a server")]
pub(crate) fn run(options: &Options, app: impl FnOnce(Config) -> App) -> io::Result<()> {
    let listener = Listener::tcp((options.host.as_str(), options.port))?;
    run_on(listener, options, app, |_| Ok(()))
}

/// The same on a listener of the example's, which does what else it does once there is a server.
pub(crate) fn run_on(
    listener: Listener,
    options: &Options,
    app: impl FnOnce(Config) -> App,
    begin: impl FnOnce(&Io) -> io::Result<()>,
) -> io::Result<()> {
    if THREADS.iter().any(|name| env::var_os(name).is_none()) {
        return run_again(options);
    }
    let app = app(options.config.clone());
    let server = Server::builder(app).executor(executor()).build();
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    println!("listening on {}", listener.local_addr());
    begin(&server.io())?;
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
    become_it(program.args(env::args_os().skip(1)).envs(THREADS.map(|name| (name, &threads))))
}

#[cfg(unix)]
fn become_it(program: &mut Command) -> io::Result<()> {
    Err(std::os::unix::process::CommandExt::exec(program))
}

#[cfg(not(unix))]
fn become_it(program: &mut Command) -> io::Result<()> {
    program.status().map(drop)
}

/// The variables that the executors read their number of threads from.
const THREADS: [&str; 2] = ["SMOL_THREADS", "ASYNC_STD_THREAD_COUNT"];

fn executor() -> Executor {
    #[cfg(all(feature = "async-std", feature = "smol"))]
    if env::var_os("EXECUTOR").is_some_and(|name| name == "async-std") {
        return Executor::ASYNC_STD;
    }
    Executor::default()
}
