//! The password that a [`Config`] stands for, read where it says.
//!
//! This sits above the pure layers: it alone reads the environment and, beside the TLS
//! configuration, files, and only those that the configuration names (T-85).

use std::fs::File;
use std::io::Read;
use std::path::Path;

use zeroize::Zeroizing;

use crate::config::{Config, ConfigError, MAX_PASSWORD_BYTES, PasswordSource};
use crate::secret::Secret;

/// The password at this moment.
///
/// # Errors
///
/// One sentence about a source that gives none: its name, never what it holds.
pub(crate) fn password(config: &Config) -> Result<Secret, ConfigError> {
    let password = match &config.credentials.source {
        None => return Ok(config.password.clone()),
        Some(PasswordSource::Callback(ask)) => ask().map_err(|error| {
            ConfigError::new(format!("The password was not to be had: {error}"))
        })?,
        Some(PasswordSource::File(path)) => from_file(path)?,
        Some(PasswordSource::Environment(name)) => from_environment(name)?,
    };
    config.check_password(&password)?;
    Ok(password)
}

fn from_file(path: &Path) -> Result<Secret, ConfigError> {
    let failed = |error: std::io::Error| {
        ConfigError::new(format!("The password file {} cannot be read: {error}.", path.display()))
    };
    // The whole space at once: what is read is never moved, and so never left behind (T-81). A line
    // break and one byte more than fits, to tell what does not.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_PASSWORD_BYTES + 3));
    let most = u64::try_from(MAX_PASSWORD_BYTES + 3).unwrap_or(u64::MAX);
    File::open(path).map_err(failed)?.take(most).read_to_end(&mut bytes).map_err(failed)?;
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return Err(ConfigError::new(format!(
            "The password file {} is empty; write the password into it.",
            path.display()
        )));
    }
    Ok(Secret::from(line.to_vec()))
}

fn from_environment(name: &str) -> Result<Secret, ConfigError> {
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(ConfigError::new(
            "The name of the password's environment variable is none; give one without '='.",
        ));
    }
    let value = std::env::var_os(name).ok_or_else(|| {
        ConfigError::new(format!(
            "The environment variable {name}, which should hold the password, is not set."
        ))
    })?;
    Ok(Secret::from(value.into_encoded_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, content: &[u8]) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("mywire-{}-{name}", std::process::id()));
        std::fs::write(&path, content).unwrap();
        path
    }

    fn read(content: &[u8], name: &str) -> Result<Secret, ConfigError> {
        let path = file(name, content);
        let result = password(&Config::default().password_file(&path));
        std::fs::remove_file(path).unwrap();
        result
    }

    #[test]
    fn a_file_is_read_without_its_line_break() {
        for (content, expected) in [
            (&b"s3cret"[..], &b"s3cret"[..]),
            (b"s3cret\n", b"s3cret"),
            (b"s3cret\r\n", b"s3cret"),
            (b" two words \n", b" two words "),
            (b"a\nb\n\n", b"a\nb\n"),
        ] {
            assert_eq!(read(content, "content").unwrap().expose(), expected);
        }
        let longest = vec![b'x'; MAX_PASSWORD_BYTES];
        assert_eq!(read(&[&longest[..], b"\r\n"].concat(), "longest").unwrap().expose(), longest);
    }

    #[test]
    fn what_no_password_can_be_had_from_is_named_and_not_shown() {
        for (content, wrong) in [
            (&b""[..], "is empty"),
            (b"\n", "is empty"),
            (b"s3c\0ret", "NUL"),
            (&[b's'; MAX_PASSWORD_BYTES + 1], "longer"),
            (&[b's'; MAX_PASSWORD_BYTES * 2], "longer"),
        ] {
            let error = read(content, "wrong").unwrap_err().to_string();
            assert!(error.contains(wrong) && !error.contains("s3c"), "{error}");
        }
        let missing = Config::default().password_file("/no/such/file");
        let error = password(&missing).unwrap_err().to_string();
        assert!(error.contains("/no/such/file cannot be read"), "{error}");
        for name in ["", "A=B", "A\0B"] {
            assert!(password(&Config::default().password_env(name)).is_err());
        }
        let unset = Config::default().password_env("MYWIRE_TEST_NO_SUCH_VARIABLE");
        let error = password(&unset).unwrap_err().to_string();
        assert!(error.contains("MYWIRE_TEST_NO_SUCH_VARIABLE") && error.contains("not set"));
    }

    /// T-85: only on demand, and then what the variable holds now.
    #[test]
    fn an_environment_variable_is_read_on_demand() {
        // The one variable that every process of a test has.
        let path = std::env::var("PATH").unwrap();
        let from = password(&Config::default().password_env("PATH")).unwrap();
        assert_eq!(from.expose(), path.as_bytes());
        assert!(password(&Config::default()).unwrap().is_empty());
    }

    #[test]
    fn a_function_is_asked_each_time_and_the_last_call_decides() {
        let calls = std::sync::atomic::AtomicU32::new(0);
        let config = Config::default().password("fixed").password_from(move || {
            let call = calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if call == 2 {
                Err("the token service is down".into())
            } else {
                Ok(format!("token-{call}").into())
            }
        });
        assert_eq!(password(&config).unwrap().expose(), b"token-0");
        assert_eq!(password(&config).unwrap().expose(), b"token-1");
        let error = password(&config).unwrap_err().to_string();
        assert_eq!(error, "The password was not to be had: the token service is down");
        assert_eq!(password(&config.clone().password("other")).unwrap().expose(), b"other");
        let bad = config.password_from(|| Ok("a\0b".into()));
        assert!(password(&bad).unwrap_err().to_string().contains("NUL"));
        assert!(!format!("{bad:?}").contains("fixed"));
    }
}
