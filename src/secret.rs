//! Bytes that must not be shown and must not outlive their use.

use std::fmt;

use zeroize::Zeroizing;

/// A password or another secret: wiped when dropped, never shown.
///
/// `Debug` prints `Secret(..)`; there is no `Display`, no comparison and no serialisation. The
/// bytes are overwritten when the last owner goes. Copies made by others (the string that a secret
/// was made from, the TLS library, the kernel) are outside this type's reach.
#[derive(Clone, Default)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// The secret bytes; what is made of them is the caller's to wipe.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Whether there are no bytes, which the protocol reads as "no password".
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<u8>> for Secret {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::from(text.into_bytes())
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::from(text.as_bytes().to_vec())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not even the length: it narrows a search.
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// T-80
    #[test]
    fn debug_shows_nothing() {
        let secret = Secret::from("s3nt1nel");
        assert_eq!(format!("{secret:?} {:#?}", secret.clone()), "Secret(..) Secret(..)");
    }

    #[test]
    fn keeps_the_bytes_of_every_source() {
        assert_eq!(Secret::from("pw").expose(), b"pw");
        assert_eq!(Secret::from(String::from("pw")).expose(), b"pw");
        assert_eq!(Secret::from(vec![0xFF, 0]).expose(), [0xFF, 0]);
        assert!(Secret::default().is_empty());
        assert!(!Secret::from("x").is_empty());
    }
}
