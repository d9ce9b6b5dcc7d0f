//! Which cryptography TLS runs on.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

use crate::config::ConfigError;

/// The process default if there is one, else the one built in: ring before aws-lc-rs before
/// graviola, so that turning another on changes nothing. None is installed.
///
/// # Errors
///
/// None is there, or this processor cannot run the only one.
pub(super) fn provider() -> Result<Arc<CryptoProvider>, ConfigError> {
    if let Some(provider) = CryptoProvider::get_default() {
        return Ok(Arc::clone(provider));
    }
    #[cfg(feature = "ring")]
    return Ok(Arc::new(rustls::crypto::ring::default_provider()));
    #[cfg(all(feature = "aws-lc-rs", not(feature = "ring")))]
    return Ok(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    #[cfg(all(feature = "graviola", not(any(feature = "ring", feature = "aws-lc-rs"))))]
    return graviola::provider();
    #[cfg(not(any(feature = "ring", feature = "aws-lc-rs", feature = "graviola")))]
    Err(ConfigError::new(
        "TLS has no cryptography: build mywire with one of its features `ring`, `aws-lc-rs` and \
         `graviola`, install a process-wide rustls CryptoProvider before connecting, or give a \
         rustls configuration by Config::tls_config.",
    ))
}

#[cfg(feature = "graviola")]
#[cfg_attr(
    any(feature = "ring", feature = "aws-lc-rs"),
    allow(dead_code, reason = "another provider goes first")
)]
mod graviola {
    use super::*;

    /// What graviola demands of the processor, and would panic without.
    #[cfg(target_arch = "x86_64")]
    fn processor() -> Vec<(&'static str, bool)> {
        use std::arch::is_x86_feature_detected as has;
        vec![
            ("aes", has!("aes")),
            ("pclmulqdq", has!("pclmulqdq")),
            ("bmi1", has!("bmi1")),
            ("bmi2", has!("bmi2")),
            ("adx", has!("adx")),
            ("avx", has!("avx")),
            ("avx2", has!("avx2")),
        ]
    }

    #[cfg(target_arch = "aarch64")]
    fn processor() -> Vec<(&'static str, bool)> {
        use std::arch::is_aarch64_feature_detected as has;
        vec![
            ("neon", has!("neon")),
            ("aes", has!("aes")),
            ("pmull", has!("pmull")),
            ("sha2", has!("sha2")),
        ]
    }

    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    pub(super) fn provider() -> Result<Arc<CryptoProvider>, ConfigError> {
        check(&processor())?;
        Ok(Arc::new(rustls_graviola::default_provider()))
    }

    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    pub(super) fn provider() -> Result<Arc<CryptoProvider>, ConfigError> {
        Err(ConfigError::new(
            "TLS by graviola runs on x86-64 and aarch64 only: build mywire with its feature \
             `ring` or `aws-lc-rs` instead.",
        ))
    }

    fn check(processor: &[(&str, bool)]) -> Result<(), ConfigError> {
        let missing: Vec<&str> =
            processor.iter().filter(|(_, has)| !has).map(|(name, _)| *name).collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(ConfigError::new(format!(
            "TLS by graviola needs a newer processor, this one lacks {}: build mywire with its \
             feature `ring` or `aws-lc-rs` instead.",
            missing.join(", ")
        )))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn an_old_processor_is_an_error_and_no_panic() {
            let error = check(&[("aes", true), ("adx", false), ("avx2", false)]).unwrap_err();
            let error = error.to_string();
            assert!(error.contains("lacks adx, avx2") && error.contains("`ring`"), "{error}");
            assert_eq!(check(&[("aes", true)]), Ok(()));
        }

        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        #[test]
        fn this_processor_is_judged_as_graviola_judges_it() {
            let ours = provider();
            let theirs = std::panic::catch_unwind(|| {
                let mut bytes = [0; 32];
                rustls_graviola::default_provider().secure_random.fill(&mut bytes).unwrap();
            });
            assert_eq!(ours.is_ok(), theirs.is_ok());
        }
    }
}
