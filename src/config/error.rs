//! What is wrong with a configuration.

use std::borrow::Cow;
use std::fmt;

/// A configuration that cannot be used; `Display` is one sentence with the way out.
///
/// Never holds a password, a whole URL or a value out of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(Cow<'static, str>);

impl ConfigError {
    /// The message must be fit for a log (T-80).
    pub(crate) fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}
