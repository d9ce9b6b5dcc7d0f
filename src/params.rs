//! The parameters of a statement.

#[cfg(any(feature = "tokio", feature = "blocking"))]
mod encode;

use std::fmt;

#[cfg(any(feature = "tokio", feature = "blocking"))]
pub(crate) use encode::{encode, encode_bulk, encode_with};

use crate::error::Result;
use crate::value::ToValue;

/// A list of parameters, one for each `?` of a statement.
///
/// Tuples of up to 16 values of different types, slices, arrays and vectors of one type, and `()`
/// for none. `[Value]` serves lists whose types are known only at run time, and
/// [`params_from_iter`] takes an iterator.
pub trait Params {
    /// How many parameters there are.
    fn count(&self) -> usize;

    /// Hands each parameter in its order to `visit`, until that fails. An execution asks several
    /// times, and fails with nothing sent unless it gets the same values each time.
    fn visit(&self, visit: &mut dyn FnMut(&dyn ToValue) -> Result<()>) -> Result<()>;
}

/// The parameters that an iterator gives, one for each `?`: see [`params_from_iter`].
#[derive(Clone)]
pub struct ParamsFromIter<I>(I);

/// Takes the items of an iterator as parameters. They are encoded one by one straight into what is
/// sent, and never collected.
///
/// An execution walks the iterator several times, for the number, the types and the values above all,
/// each time a clone of it; so it should be cheap to clone and to walk, and give the same items each time.
///
/// ```no_run
/// # async fn example(session: &mut mywire::Session, ids: &[u64]) -> mywire::Result<()> {
/// let marks = vec!["?"; ids.len()].join(", ");
/// let sql = format!("SELECT name FROM users WHERE id IN ({marks})");
/// let wanted = mywire::params_from_iter(ids.iter().map(|id| id + 1));
/// let names: Vec<String> = session.fetch_all(&sql, wanted).await?;
/// # Ok(())
/// # }
/// ```
pub fn params_from_iter<I>(items: I) -> ParamsFromIter<I::IntoIter>
where
    I: IntoIterator<Item: ToValue, IntoIter: Clone>,
{
    ParamsFromIter(items.into_iter())
}

impl<I: Iterator<Item: ToValue> + Clone> Params for ParamsFromIter<I> {
    fn count(&self) -> usize {
        self.0.clone().count()
    }

    fn visit(&self, visit: &mut dyn FnMut(&dyn ToValue) -> Result<()>) -> Result<()> {
        self.0.clone().try_for_each(|value| visit(&value))
    }
}

impl<I> fmt::Debug for ParamsFromIter<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values are not for logs.
        f.debug_struct("ParamsFromIter").finish_non_exhaustive()
    }
}

impl Params for () {
    fn count(&self) -> usize {
        0
    }

    fn visit(&self, _: &mut dyn FnMut(&dyn ToValue) -> Result<()>) -> Result<()> {
        Ok(())
    }
}

impl<T: ToValue> Params for [T] {
    fn count(&self) -> usize {
        self.len()
    }

    fn visit(&self, visit: &mut dyn FnMut(&dyn ToValue) -> Result<()>) -> Result<()> {
        self.iter().try_for_each(|value| visit(value))
    }
}

macro_rules! as_slice {
    ($([$($generics:tt)*] $type:ty;)+) => {
        $(impl<T: ToValue, $($generics)*> Params for $type {
            fn count(&self) -> usize {
                self.len()
            }

            fn visit(&self, visit: &mut dyn FnMut(&dyn ToValue) -> Result<()>) -> Result<()> {
                self[..].visit(visit)
            }
        })+
    };
}

as_slice! {
    [] Vec<T>;
    [const N: usize] [T; N];
}

impl<P: Params + ?Sized> Params for &P {
    fn count(&self) -> usize {
        (**self).count()
    }

    fn visit(&self, visit: &mut dyn FnMut(&dyn ToValue) -> Result<()>) -> Result<()> {
        (**self).visit(visit)
    }
}

macro_rules! tuples {
    ($($count:literal: $($name:ident $index:tt),+;)+) => {
        $(impl<$($name: ToValue),+> Params for ($($name,)+) {
            fn count(&self) -> usize {
                $count
            }

            fn visit(&self, visit: &mut dyn FnMut(&dyn ToValue) -> Result<()>) -> Result<()> {
                $(visit(&self.$index)?;)+
                Ok(())
            }
        })+
    };
}

tuples! {
    1: A 0;
    2: A 0, B 1;
    3: A 0, B 1, C 2;
    4: A 0, B 1, C 2, D 3;
    5: A 0, B 1, C 2, D 3, E 4;
    6: A 0, B 1, C 2, D 3, E 4, F 5;
    7: A 0, B 1, C 2, D 3, E 4, F 5, G 6;
    8: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7;
    9: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8;
    10: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9;
    11: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10;
    12: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11;
    13: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12;
    14: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12, N 13;
    15: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12, N 13, O 14;
    16: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12, N 13, O 14, P 15;
}
