//! client_ed25519: the nonce signed with a key that the password stands for.
//!
//! It is Ed25519 with the password, of any length, in place of the seed of 32 bytes.

pub(super) const NAME: &str = "client_ed25519";

#[cfg(feature = "ed25519")]
pub(super) use with_feature::{public_key, respond};

#[cfg(feature = "ed25519")]
mod with_feature {
    use zeroize::Zeroizing;

    use crate::auth::LongNonce;
    use crate::auth::curve::SigningKey;
    use crate::secret::Secret;

    /// The signature of the nonce, R ‖ S. An empty password has a key like any other.
    pub(in crate::auth) fn respond(nonce: &LongNonce, password: &Secret) -> Zeroizing<Vec<u8>> {
        let key = SigningKey::from_seed(password.expose());
        Zeroizing::new(key.sign(&[nonce]).to_vec())
    }

    /// What the server stores of the password: the public key.
    pub(in crate::auth) fn public_key(password: &Secret) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(SigningKey::from_seed(password.expose()).public().to_vec())
    }
}

#[cfg(all(test, feature = "ed25519"))]
mod tests {
    use super::super::tests::{LONG_NONCE, hex};
    use super::*;
    use crate::secret::Secret;

    /// computed with another implementation of the curve. The longer passwords are not of a
    /// seed's 32 bytes, nor of a hash's 64.
    #[test]
    fn known_answers() {
        for (password, public, signature) in [
            (
                "secret".to_owned(),
                "648814444520e4f56043a2ec9215e63be7992d2d270bc6dee873e36164786096",
                "60a0f4f8bcb6396043e44b2a25521af16f0815ff6369cc541c281e2c4455c823\
                 2b79b21ee5bb933507725db2f2919ea09e676f6abee19c5c7b98b40a627a9707",
            ),
            (
                String::new(),
                "e0b1fe74117e1b95b608a4f221df314774b20ea66842350d515371c7c6966c6e",
                "6d063d5d3fa5175ed8544e6cc97a5498a007c19f4cefdd6d5a094650d02f3dda\
                 74bdc995a87e2a7b3aea5bf70f318142e84ffe8b2f5d8d24124ebd21107c9c0a",
            ),
            (
                "pässword".to_owned(),
                "650a1002ab751fdb64d3e8c69ffc377915281bf6b932358688276cedf49b5b62",
                "7453da3244a5106f93458218ac92958530b01963dac0dbdc1e363213f5f32dfb\
                 fcc9cad08ba7bad2212172086dd276fa453baa8331b44e5c84890406f171e20f",
            ),
            (
                "x".repeat(40),
                "c35373c4a891f09309c0f01f30c3b8a7f775fcbfa270aa6c8f1d70432d63aca6",
                "abcb12054421ffbf64838995485767e12d47e71dd743af880761e48f06164bf5\
                 7d362ee1e0f096640e65fbafef29d84fa7cadfb8f617623b209384c4afebaf00",
            ),
            (
                "x".repeat(64),
                "c41f43e4db3ce43220a7f98a97efa344c8eaf03b5df48be6b663533417c6cb75",
                "65ab9c5e8567fee90e30ba84cdbf42354f3420001895d04bf2406c0c00e66df6\
                 83cb021133709273d0e295b420d59a48fccbdf1274e7d443e268dd6aabfb340c",
            ),
        ] {
            let secret = Secret::from(password.as_str());
            assert_eq!(hex(&public_key(&secret)), public, "{password}");
            assert_eq!(hex(&respond(&LONG_NONCE, &secret)), signature, "{password}");
        }
    }
}
