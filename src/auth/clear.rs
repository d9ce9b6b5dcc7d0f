//! mysql_clear_password: the password as it is.

use zeroize::Zeroizing;

use crate::secret::Secret;

pub(super) const NAME: &str = "mysql_clear_password";

/// The password with the NUL that ends it, in a buffer that never moved (T-81).
pub(super) fn terminated(password: &Secret) -> Zeroizing<Vec<u8>> {
    let password = password.expose();
    let mut bytes = Zeroizing::new(Vec::with_capacity(password.len() + 1));
    bytes.extend_from_slice(password);
    bytes.push(0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    ///
    #[test]
    fn the_password_and_a_nul() {
        assert_eq!(*terminated(&Secret::from("secret")), *b"secret\0");
        assert_eq!(*terminated(&Secret::default()), *b"\0");
    }
}
