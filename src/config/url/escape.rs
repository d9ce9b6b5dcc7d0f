//! Percent-encoding.

use std::fmt::Write as _;

use super::ConfigError;

/// Decodes `%XX`; `part` names the piece of the URL in errors. `+` stays `+`.
pub(super) fn decode(text: &str, part: &str) -> Result<Vec<u8>, ConfigError> {
    // The capacity suffices, so a password leaves no copy behind in a smaller buffer.
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        match (rest.next().and_then(nibble), rest.next().and_then(nibble)) {
            (Some(0), Some(0)) => {
                return Err(ConfigError::new(format!(
                    "The URL's {part} contains %00; the protocol cannot carry a NUL, remove it."
                )));
            }
            (Some(high), Some(low)) => bytes.push(high << 4 | low),
            _ => {
                return Err(ConfigError::new(format!(
                    "The URL's {part} contains a '%' without two hexadecimal digits after it; a \
                     '%' itself is written %25."
                )));
            }
        }
    }
    Ok(bytes)
}

/// Like [`decode`], for what must be UTF-8.
pub(super) fn decode_text(text: &str, part: &str) -> Result<String, ConfigError> {
    String::from_utf8(decode(text, part)?).map_err(|_| {
        ConfigError::new(format!(
            "The URL's {part} is not UTF-8 once percent-decoded; encode the UTF-8 bytes of each \
             character."
        ))
    })
}

/// Encodes all but unreserved characters (RFC 3986) and those in `keep`.
pub(super) fn encode(text: &str, keep: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || "-._~".contains(c) || keep.contains(c) {
            encoded.push(c);
        } else {
            // Writing to a String does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}
