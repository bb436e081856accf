//! Carries messages between two buses until SIGINT or SIGTERM: try `--help`.

use examples::bridge;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::process::ExitCode;

fn main() -> ExitCode {
    let begun = Signals::new([SIGINT, SIGTERM]).map_err(|error| error.to_string());
    let begun = begun.and_then(|signals| Ok((signals, bridge::start()?)));
    match begun {
        Ok((mut signals, bridge)) => {
            println!("the bridge is open");
            signals.forever().next();
            bridge.close();
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}
