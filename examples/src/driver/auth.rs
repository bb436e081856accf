//! Auth payloads, by value or by function.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::report::Report;

/// What shows to the server who joins a namespace.
#[derive(Clone, Debug)]
pub enum Auth {
    /// The same text of a JSON object each time.
    Value(Box<RawValue>),
    /// A function that is called each time.
    Function(Arc<Function>),
}

/// A function that returns one value after the other, and then the last one for ever.
#[derive(Debug)]
pub struct Function {
    values: Vec<Box<RawValue>>,
    delay: Duration,
    calls: AtomicUsize,
}

impl Auth {
    /// Reads an auth payload: a value, or `{"$fn":[…],"delay":MS}`.
    ///
    /// # Errors
    /// What is wrong with the function.
    pub(super) fn parse(text: &RawValue) -> serde_json::Result<Self> {
        #[derive(Deserialize)]
        struct Spelled {
            #[serde(rename = "$fn")]
            values: Vec<Box<RawValue>>,
            delay: Option<u64>,
        }
        if !text.get().contains("\"$fn\"") {
            return Ok(Self::Value(text.to_owned()));
        }
        let Spelled { values, delay } = serde_json::from_str(text.get())?;
        let delay = Duration::from_millis(delay.unwrap_or(0));
        Ok(Self::Function(Arc::new(Function { values, delay, calls: AtomicUsize::new(0) })))
    }
}

impl Function {
    /// Calls the function for a namespace: returns the payload, if there is one, and the time after which the
    /// function returns it.
    #[must_use]
    pub fn call(&self, nsp: &str) -> (Option<&RawValue>, Duration) {
        let before = self.calls.fetch_add(1, Ordering::Relaxed);
        Report::AuthCalled { nsp, n: before + 1 }.print();
        let value = self.values.get(before).or_else(|| self.values.last());
        (value.map(|value| &**value), self.delay)
    }
}
