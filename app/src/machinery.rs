//! Types that tell the forms of handlers apart. An application never names them.

pub use crate::handlers::class::{Bound, ByArc, ByRef, Unordered};
pub use crate::handlers::connect::{Decide, Decision};
pub use crate::handlers::disconnect::Departing;
pub use crate::handlers::extract::Parameters;
pub use crate::handlers::function::{Answer, Async, Bare, Kind, Plain, Settle};
pub use crate::handlers::handler::{Decoded, Delivery, Raw, Taken};
pub use crate::handlers::needs::Needs;
pub use crate::handlers::order::Ordered;
pub use crate::handlers::refusal::{Failed, Said};
