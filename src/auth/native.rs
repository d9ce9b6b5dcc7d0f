//! mysql_native_password: one SHA-1 answer to the nonce.

use sha1::{Digest, Sha1};
use zeroize::Zeroizing;

use super::Nonce;
use crate::secret::Secret;

pub(super) const NAME: &str = "mysql_native_password";

/// SHA1(p) ⊕ SHA1(n ‖ SHA1(SHA1(p))); nothing for an empty password.
pub(super) fn respond(nonce: &Nonce, password: &Secret) -> Zeroizing<Vec<u8>> {
    if password.is_empty() {
        return Zeroizing::default();
    }
    let hash = sha1(&[password.expose()]);
    let mask = sha1(&[nonce, sha1(&[hash.as_slice()]).as_slice()]);
    Zeroizing::new(hash.iter().zip(mask.iter()).map(|(hash, mask)| hash ^ mask).collect())
}

/// What the server stores of the password: SHA1(SHA1(p)).
pub(super) fn stored(password: &Secret) -> Zeroizing<Vec<u8>> {
    let hash = sha1(&[password.expose()]);
    Zeroizing::new(sha1(&[hash.as_slice()]).to_vec())
}

fn sha1(parts: &[&[u8]]) -> Zeroizing<[u8; 20]> {
    let mut hasher = Sha1::new();
    for part in parts {
        hasher.update(part);
    }
    Zeroizing::new(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{NONCE, hex};
    use super::*;

    /// computed with another implementation of SHA-1.
    #[test]
    fn known_answers() {
        for (password, expected) in [
            ("secret", "b32bb3a583e1340c0a1108d58b1be49781ad8c2f"),
            ("a", "d638af1707b664cffe85d6bcb29b9d06f14258aa"),
            ("pässword", "4c47202d6acac2c4391bf963121d3734d9885183"),
            ("ppppppppppppppppppp", "cc0be8e57d4498bee92f40b247822bdd7be98446"),
            (
                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
                "84d55e469e0c1616678ae07aee7f54a3a20b2ddc",
            ),
        ] {
            assert_eq!(hex(&respond(&NONCE, &Secret::from(password))), expected, "{password}");
        }
    }

    /// what `SELECT PASSWORD('secret')` gives on MariaDB.
    #[test]
    fn what_the_server_stores() {
        let stored = stored(&Secret::from("secret"));
        assert_eq!(hex(&stored), "14e65567abdb5135d0cfd9a70b3032c179a49ee7");
    }

    ///
    #[test]
    fn empty_password_is_an_empty_response() {
        assert!(respond(&NONCE, &Secret::default()).is_empty());
    }
}
