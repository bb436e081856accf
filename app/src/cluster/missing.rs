//! Processes that did not answer.

use sansocket::cluster::Outcome;
use std::fmt;

/// Processes of the cluster that were asked and did not answer in time.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Missing {
    /// How many processes were asked.
    pub asked: u64,
    /// How many of them did not answer.
    pub missing: u64,
    /// The names of those, as far as they are known.
    pub names: Vec<Box<str>>,
}

impl Missing {
    /// Tells which processes an outcome lacks, if any.
    pub(crate) fn of(outcome: &mut Outcome) -> Option<Self> {
        let Outcome { asked, missing, .. } = *outcome;
        let names = std::mem::take(&mut outcome.missing_names);
        (missing > 0).then_some(Self { asked, missing, names })
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { asked, missing, names } = self;
        let came = asked.saturating_sub(*missing);
        write!(f, "timeout reached: only {came} responses received out of {asked}")?;
        match &names[..] {
            [] => Ok(()),
            names => write!(f, " (nothing came from {})", names.join(", ")),
        }
    }
}

impl std::error::Error for Missing {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_as_that_of_javascript_and_names_the_culprits() {
        let mut missing = Missing { asked: 3, missing: 1, names: Vec::new() };
        let text = "timeout reached: only 2 responses received out of 3";
        assert_eq!(missing.to_string(), text);
        missing.names = vec!["a1".into(), "b2".into()];
        assert_eq!(missing.to_string(), format!("{text} (nothing came from a1, b2)"));
    }
}
