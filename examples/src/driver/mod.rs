//! What client drivers share: lines of JSON in, lines of JSON out.
//!
//! A client driver makes a client comparable: a checker writes one command per line on its standard input, and
//! reads one event per line from its standard output. Each binding has one, and so has the bare core.
//!
//! | file | about |
//! |---|---|
//! | `command.rs` | the commands |
//! | `input.rs` | reads them |
//! | `report.rs` | the events, and how they are written |
//! | `settings.rs` | options of commands as settings of a client |
//! | `space.rs` | answers and handlers of one namespace |
//! | `auth.rs` | auth payloads, by value or by function |
//! | `json.rs` | JSON with binary in it |
//! | `simple.rs` | the commands of the simple client |
//! | `run.rs` | a whole driver, on the client of the application layer: a binding says how it is opened |

mod auth;
mod command;
mod input;
mod json;
mod report;
mod run;
mod settings;
mod simple;
mod space;

pub use auth::{Auth, Function};
pub use command::{Answer, Command, Emit, Simple, Times};
pub use input::{Line, read};
pub use json::{args, spelled};
pub use report::{Report, State, connect_error, error_of, unsupported};
pub use run::run;
pub use settings::{Options, Settings, Tls};
pub use space::Space;
