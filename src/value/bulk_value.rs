//! What a bulk execution can have in place of a value.

use super::{Presence, ToValue};
use crate::error::ValueError;
use crate::wire::statement::ParameterType;

/// A value of a bulk execution, or an indicator in its place.
///
/// [`Default`](Self::Default) and [`Ignore`](Self::Ignore) exist on MariaDB, in `Session::bulk`
/// alone; anywhere else they are refused before anything is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BulkValue<T> {
    /// This value.
    Value(T),
    /// NULL.
    Null,
    /// The column's default.
    Default,
    /// The column as it is, in an UPDATE; its default in an INSERT.
    Ignore,
}

impl<T: ToValue> ToValue for BulkValue<T> {
    fn parameter_type(&self) -> Option<ParameterType> {
        match self {
            Self::Value(value) => value.parameter_type(),
            Self::Null | Self::Default | Self::Ignore => None,
        }
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        match self {
            Self::Value(value) => value.write(out),
            Self::Null | Self::Default | Self::Ignore => Ok(()),
        }
    }

    fn presence(&self) -> Presence {
        match self {
            Self::Value(value) => value.presence(),
            Self::Null => Presence::Null,
            Self::Default => Presence::Default,
            Self::Ignore => Presence::Ignore,
        }
    }
}
