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
        write!(f, "parameter {} cannot be sent: ", self.index)?;
        f.write_str(match self.reason {
            ValueError::Range => "no server has such a value (NaN or infinity, or out of range)",
            ValueError::Indicator => {
                "DEFAULT and IGNORE exist in bulk executions on MariaDB alone, and long data does \
                 not exist there"
            }
            _ => "its value is malformed",
        })
    }
}

impl std::error::Error for ParamError {}
