//! Base 64 of RFC 4648, with padding and without line breaks.

const DIGITS: [u8; 64] = *b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends bytes in base 64.
pub(super) fn write(bytes: &[u8], out: &mut Vec<u8>) {
    for three in bytes.chunks(3) {
        let byte = |place: usize| u32::from(three.get(place).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let index = usize::try_from(bits >> (18 - 6 * place) & 63).unwrap_or(0);
            out.push(match usize::try_from(place) {
                Ok(place) if place <= three.len() => DIGITS.get(index).copied().unwrap_or(b'='),
                _ => b'=',
            });
        }
    }
}

/// Whether a text is base 64 with its padding.
pub(crate) fn is_base64(text: &[u8]) -> bool {
    let digits = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    text.len().is_multiple_of(4)
        && digits.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vectors of RFC 4648.
    #[test]
    fn base64_is_that_of_the_rfc() {
        for (bytes, expected) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            let mut out = Vec::new();
            write(bytes.as_bytes(), &mut out);
            assert_eq!(out, expected.as_bytes());
            assert!(is_base64(&out));
        }
        for wrong in ["Zg=", "Zg", "Z===", "Zm9 ", "=Zm9"] {
            assert!(!is_base64(wrong.as_bytes()), "{wrong}");
        }
    }
}
