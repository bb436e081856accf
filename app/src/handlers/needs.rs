//! What the parameters of a handler want, looked at when the application starts.

use serde::de::DeserializeOwned;
use std::any::{TypeId, type_name};

use crate::args::absent;

/// What the parameters of a handler want: types of state, and arguments in this order.
#[doc(hidden)]
#[derive(Clone, Debug, Default)]
pub struct Needs {
    pub(crate) states: Vec<(TypeId, &'static str)>,
    arguments: Vec<Argument>,
}

/// An argument, or all that are left.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Argument {
    Optional(&'static str),
    Required(&'static str),
    Rest,
}

impl Needs {
    pub(crate) fn state<T: 'static>(&mut self) {
        self.states.push((TypeId::of::<T>(), type_name::<T>()));
    }

    pub(crate) fn argument<T: DeserializeOwned>(&mut self) {
        let name = type_name::<T>();
        self.arguments.push(match absent::<T>() {
            Some(_) => Argument::Optional(name),
            None => Argument::Required(name),
        });
    }

    pub(crate) fn rest(&mut self) {
        self.arguments.push(Argument::Rest);
    }

    /// Looks whether the arguments of an event can be told apart when optional ones are left out.
    ///
    /// # Errors
    /// What to do instead.
    pub(crate) fn check_event(&self) -> Result<(), String> {
        let pairs = self.arguments.windows(2).map(|pair| (pair[0], pair[1]));
        let wrong = pairs.into_iter().find_map(|pair| match pair {
            (Argument::Optional(first), Argument::Required(then)) => Some(format!(
                "takes {first} before {then}, so that no client can leave it out: put optional \
                 arguments last; where it may be null but is always sent, wrap the Option in your own \
                 struct"
            )),
            (Argument::Rest, Argument::Optional(_) | Argument::Required(_) | Argument::Rest) => {
                Some("takes more arguments after all that are left: put Rest last".to_owned())
            }
            (Argument::Optional(_), Argument::Optional(_) | Argument::Rest)
            | (Argument::Required(_), _) => None,
        });
        wrong.map_or(Ok(()), Err)
    }

    /// Looks whether there is no argument besides the auth payload.
    ///
    /// # Errors
    /// What to do instead.
    pub(crate) fn check_connect(&self) -> Result<(), String> {
        match self.arguments.len() {
            0 | 1 => Ok(()),
            more => Err(format!(
                "takes {more} arguments, but there is one, the auth payload: take a struct"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(add: &[fn(&mut Needs)]) -> Result<(), String> {
        let mut needs = Needs::default();
        add.iter().for_each(|add| add(&mut needs));
        needs.check_event()
    }

    #[test]
    fn optional_arguments_and_the_rest_come_last() {
        let (required, optional) = (Needs::argument::<u8>, Needs::argument::<Option<u8>>);
        assert_eq!(checked(&[required, optional, optional]), Ok(()));
        assert_eq!(checked(&[required, optional, Needs::rest]), Ok(()));
        assert!(
            checked(&[optional, required]).unwrap_err().contains("put optional arguments last")
        );
        assert!(checked(&[required, optional, optional, required]).is_err());
        for after in [required, optional, Needs::rest] {
            assert!(checked(&[Needs::rest, after]).unwrap_err().contains("put Rest last"));
        }
    }
}
