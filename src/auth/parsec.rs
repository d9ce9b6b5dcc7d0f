//! parsec: the nonce signed with a key that PBKDF2 makes of the password (A-50).
//!
//! ```text
//!   nonce of 32 bytes ──empty packet──> SaltAsked ──'P', factor, salt──> signature ──> Signed
//! ```

pub(super) const NAME: &str = "parsec";

#[cfg(feature = "parsec")]
pub(super) use with_feature::Parsec;

#[cfg(feature = "parsec")]
mod with_feature {
    use zeroize::Zeroizing;

    use super::NAME;
    use crate::auth::curve::{PUBLIC_KEY, SigningKey};
    use crate::auth::{AuthError, LongNonce, pbkdf2};
    use crate::secret::Secret;

    /// The only scheme of key derivation: PBKDF2.
    const SCHEME: u8 = b'P';

    /// Bytes of the salt.
    pub(super) const SALT: usize = 18;

    /// Rounds of PBKDF2 at factor 0; each step of the factor doubles them.
    const BASE_ROUNDS: u32 = 1024;

    /// The largest factor taken, 8192 rounds, as MariaDB's own client has it: the server chooses it,
    /// and a large one would keep this side busy for minutes (A-51, T-36). This one takes about 5 ms,
    /// the server's default of 0 less than 1: too little to be worth a thread of its own.
    pub(super) const MAX_FACTOR: u8 = 3;

    /// What the server stores of the password (A-52).
    const STORED: usize = 2 + SALT + PUBLIC_KEY;

    #[derive(Debug)]
    pub(in crate::auth) enum Parsec {
        SaltAsked { nonce: LongNonce },
        Signed { stored: [u8; STORED] },
    }

    impl Parsec {
        pub(in crate::auth) const fn start(nonce: LongNonce) -> Self {
            Self::SaltAsked { nonce }
        }

        /// Takes the salt and signs both nonces with the key made of it.
        pub(in crate::auth) fn more_data(
            self,
            data: &[u8],
            password: &Secret,
        ) -> Result<(Self, Zeroizing<Vec<u8>>), AuthError> {
            self.sign(data, password, |nonce| {
                getrandom::fill(nonce).map_err(|_| AuthError::NoRandomness)
            })
        }

        pub(super) fn sign(
            self,
            data: &[u8],
            password: &Secret,
            random: impl FnOnce(&mut LongNonce) -> Result<(), AuthError>,
        ) -> Result<(Self, Zeroizing<Vec<u8>>), AuthError> {
            let unexpected = AuthError::UnexpectedData { plugin: NAME };
            let Self::SaltAsked { nonce } = self else { return Err(unexpected) };
            let [SCHEME, factor, salt @ ..] = data else { return Err(unexpected) };
            let Ok(salt) = <&[u8; SALT]>::try_from(salt) else { return Err(unexpected) };
            let factor = *factor;
            if factor > MAX_FACTOR {
                return Err(AuthError::IterationFactor { factor, max: MAX_FACTOR });
            }
            let seed = pbkdf2::derive(password.expose(), salt, BASE_ROUNDS << factor);
            let key = SigningKey::from_seed(seed.as_slice());
            let mut own = [0; 32];
            random(&mut own)?;
            let mut response = Zeroizing::new(Vec::with_capacity(96));
            response.extend_from_slice(&own);
            response.extend_from_slice(&key.sign(&[&nonce, &own]));
            let mut stored = [0; STORED];
            let head = [SCHEME, factor];
            let parts = head.iter().chain(salt).chain(key.public());
            for (to, from) in stored.iter_mut().zip(parts) {
                *to = *from;
            }
            Ok((Self::Signed { stored }, response))
        }

        /// What the server stores of the password, once the salt is known.
        pub(in crate::auth) fn stored(&self) -> Option<Zeroizing<Vec<u8>>> {
            match self {
                Self::SaltAsked { .. } => None,
                Self::Signed { stored } => Some(Zeroizing::new(stored.to_vec())),
            }
        }
    }
}

#[cfg(all(test, feature = "parsec"))]
mod tests {
    use super::super::AuthError;
    use super::super::tests::{LONG_NONCE, hex};
    use super::with_feature::MAX_FACTOR;
    use super::*;
    use crate::secret::Secret;

    fn salt_packet(factor: u8) -> Vec<u8> {
        [&b"P"[..], &[factor], &(100..118).collect::<Vec<u8>>()].concat()
    }

    fn sign(data: &[u8], password: &str) -> Result<(Parsec, Vec<u8>), AuthError> {
        let fixed = |nonce: &mut [u8; 32]| {
            for (byte, value) in nonce.iter_mut().zip(200..) {
                *byte = value;
            }
            Ok(())
        };
        let secret = Secret::from(password);
        let (machine, response) = Parsec::start(LONG_NONCE).sign(data, &secret, fixed)?;
        Ok((machine, response.to_vec()))
    }

    /// A-50, A-52, E-32: computed with other implementations of PBKDF2 and the curve.
    #[test]
    fn known_answers() {
        for (password, factor, public, signature) in [
            (
                "secret".to_owned(),
                0,
                "e0b956a5a814a4385ebce26d978d296c298cc406eb04a69f5baacafb3c36254e",
                "9a1cd826c1ba556b7458b29e39d33a62fca224750fbbb0d1e149a7be637ab92f\
                 f0b6c921e7d7801cbc99fe24a302ff9d9fedcfd63aa8d8b039728d868d41f608",
            ),
            (
                "secret".to_owned(),
                3,
                "035d49fe9e506b2e410765c207ff86664f35cfd62f54812ed32dbd647e1d07f1",
                "4a755d44ea3882497b01bf63c7f398e3257a15055383f55ba8cd2a4e808a2a68\
                 7650dbb6f3a0c1dcc3597da2b11fb40d14e953d7aa893d72199ea9cc8a59310b",
            ),
            (
                String::new(),
                1,
                "0ec73b27819edc2f31f2d2960a607a59f98102fecabadefbc82a9e4d28c8937c",
                "c4978a886a31b0030c3a6e5ce879b0721ad8cfcd8c7193941ea19fda9d4feffc\
                 3d5f1b4ad2ff850b2ee0dcd26b3a44f4ebd303bd9d8351bb667f968dd426bc0c",
            ),
            (
                "x".repeat(200),
                2,
                "1c66f7445e0cdc3d3d1fc410686436b8f1f73ce2dc5914effa67331b41f98bca",
                "dc8c73a103d8a73b5fd7379760f290972d1d9b54ebb211df1aff9f68d190d39f\
                 1ec85f9e8cae34fca741b08e736bd37762093786a13d3d8a3809987db4a38b0c",
            ),
        ] {
            let (machine, response) = sign(&salt_packet(factor), &password).unwrap();
            let (own, rest) = response.split_at(32);
            assert!(own.iter().copied().eq(200..232));
            assert_eq!(hex(rest), signature);
            let stored = machine.stored().unwrap();
            assert_eq!(stored[..20], salt_packet(factor));
            assert_eq!(hex(&stored[20..]), public);
        }
    }

    /// A-51, E-32, T-36
    #[test]
    fn t36_large_factors_are_refused_before_any_work() {
        for factor in [4, 8, 20, 31, 32, 64, 255] {
            let error = sign(&salt_packet(factor), "secret").unwrap_err();
            assert_eq!(error, AuthError::IterationFactor { factor, max: MAX_FACTOR });
        }
    }

    /// A-51: anything but the scheme, a factor and 18 bytes.
    #[test]
    fn other_salts_are_refused() {
        let good = salt_packet(0);
        let long = [&good[..], &[0]].concat();
        let other_scheme = [&b"Q"[..], &good[1..]].concat();
        for data in [&b""[..], b"P", b"P\0", &good[..19], &long, &other_scheme, &good[1..]] {
            let error = sign(data, "secret").unwrap_err();
            assert_eq!(error, AuthError::UnexpectedData { plugin: NAME });
        }
        let (machine, _) = sign(&good, "secret").unwrap();
        let again = machine.more_data(&good, &Secret::from("secret"));
        assert_eq!(again.unwrap_err(), AuthError::UnexpectedData { plugin: NAME });
    }

    /// T-84: the client's nonce is new each time, and there is no signature without one.
    #[test]
    fn t84_the_nonce_is_the_operating_systems_or_there_is_none() {
        let secret = Secret::from("secret");
        let once = || Parsec::start(LONG_NONCE).more_data(&salt_packet(0), &secret).unwrap().1;
        assert_ne!(once()[..32], once()[..32]);
        let machine = Parsec::start(LONG_NONCE);
        let broken = machine.sign(&salt_packet(0), &secret, |_| Err(AuthError::NoRandomness));
        assert_eq!(broken.unwrap_err(), AuthError::NoRandomness);
    }
}
