//! Parameters that cannot be sent.

use std::fmt;

use super::ValueError;

/// A parameter cannot be sent. Nothing was; the session is not affected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParamError {
    pub(crate) index: usize,
    pub(crate) reason: ValueError,
}

impl ParamError {
    /// The parameter's place, from 0.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }

    /// Why it cannot be sent.
    #[must_use]
    pub const fn reason(&self) -> ValueError {
        self.reason
    }
}

impl fmt::Display for ParamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "parameter {}, counted from 0, cannot be sent: ", self.index)?;
        f.write_str(match self.reason {
            ValueError::Range => {
                "no server has such a value: it is NaN or infinite, or out of its type's range; send \
                 another one, or NULL"
            }
            ValueError::Type => {
                "it changed while it was being sent; its list has to give the same values each time"
            }
            ValueError::Indicator => {
                "DEFAULT and IGNORE exist in bulk executions on MariaDB alone, and long data does \
                 not exist there"
            }
            _ => "its value is malformed",
        })
    }
}

impl std::error::Error for ParamError {}
