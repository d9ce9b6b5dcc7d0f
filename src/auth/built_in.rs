//! The plugins that this client has by itself.

use super::{caching_sha2, clear, dialog, ed25519, native, parsec, sha256};

/// A plugin of this client's. Those whose feature is off are known by name alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BuiltIn {
    CachingSha2,
    Native,
    Ed25519,
    Parsec,
    Sha256,
    Clear,
    Dialog,
}

impl BuiltIn {
    /// In the order in which they are named to a server that asks for another one: those that
    /// answer a greeting's nonce first, and the stronger before the weaker.
    pub(super) const ALL: [Self; 7] = [
        Self::CachingSha2,
        Self::Native,
        Self::Parsec,
        Self::Ed25519,
        Self::Sha256,
        Self::Clear,
        Self::Dialog,
    ];

    pub(super) fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|plugin| plugin.name().as_bytes() == name)
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::CachingSha2 => caching_sha2::NAME,
            Self::Native => native::NAME,
            Self::Ed25519 => ed25519::NAME,
            Self::Parsec => parsec::NAME,
            Self::Sha256 => sha256::NAME,
            Self::Clear => clear::NAME,
            Self::Dialog => dialog::NAME,
        }
    }

    /// The feature that it needs and that is off.
    pub(super) const fn missing_feature(self) -> Option<&'static str> {
        match self {
            Self::Ed25519 if !cfg!(feature = "ed25519") => Some("ed25519"),
            Self::Parsec if !cfg!(feature = "parsec") => Some("parsec"),
            _ => None,
        }
    }

    pub(super) const fn is_built(self) -> bool {
        self.missing_feature().is_none()
    }

    /// Whether it gives the server the password as it is, and nothing else.
    pub(super) const fn reveals_password(self) -> bool {
        matches!(self, Self::Clear | Self::Dialog)
    }
}
