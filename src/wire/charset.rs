//! Which character sets text is UTF-8 in (S-05), by the id of a collation and by name.

/// Whether text in the character set of this collation is something else than UTF-8 or a part of
/// it. Ids that are not known are not taken for that (S-08), nor is 63, of bytes.
#[must_use]
pub(crate) const fn is_foreign(collation: u16) -> bool {
    match base(collation) {
        // utf8mb3 and utf8mb4 among the ids of one byte, and ASCII.
        0 | 11 | 33 | 45 | 46 | 63 | 65 | 76 | 83 | 192..=247 | 251..=255 => false,
        // MariaDB's further collations of ucs2, utf16 and utf32, and its uca1400 of the three.
        640..=767 | 2560..=3327 => true,
        1..=250 => true,
        _ => false,
    }
}

/// Whether the bytes below 0x80 of text in this foreign character set are not ASCII.
#[must_use]
pub(crate) const fn is_wide(collation: u16) -> bool {
    match base(collation) {
        // ucs2, utf16, utf16le, utf32.
        35 | 54..=56 | 60..=62 | 90 | 101..=124 | 128..=151 | 159..=183 => true,
        640..=767 | 2560..=3327 => true,
        // swe7 writes letters in place of brackets.
        10 | 82 => true,
        _ => false,
    }
}

/// Whether SQL in UTF-8 is not what a server reads whose `character_set_client` has this name.
#[must_use]
pub(crate) fn is_foreign_name(name: &[u8]) -> bool {
    !matches!(name, b"utf8mb4" | b"utf8mb3" | b"utf8" | b"ascii" | b"binary" | b"")
}

/// MariaDB numbers the variants without padding from 1024 on.
const fn base(collation: u16) -> u16 {
    match collation {
        1024..=2047 => collation & 1023,
        _ => collation,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s05_s08_utf8_and_what_is_not_known_is_not_foreign() {
        // utf8mb4_general_ci, _bin, _unicode_ci, _0900_ai_ci, _0900_bin; utf8mb3's; ASCII; bytes.
        for id in [45, 46, 224, 255, 309, 323, 33, 83, 192, 11, 65, 63, 0] {
            assert!(!is_foreign(id), "{id}");
        }
        // MariaDB's: croatian, without padding, uca1400; and those that nobody knows.
        for id in [576, 608, 1069, 1057, 2048, 2304, 2559, 5000, u16::MAX] {
            assert!(!is_foreign(id), "{id}");
        }
    }

    #[test]
    fn s05_t71_other_character_sets_are() {
        // big5, latin1, sjis, gbk, cp932, gb18030, latin1_nopad, swe7, utf16, utf32_uca1400.
        for id in [1, 8, 13, 28, 95, 248, 1032, 10, 54, 3072] {
            assert!(is_foreign(id), "{id}");
        }
        for id in [35, 54, 56, 60, 101, 160, 640, 2560, 3327, 10] {
            assert!(is_foreign(id) && is_wide(id), "{id}");
        }
        for id in [1, 8, 13, 28, 95, 248] {
            assert!(!is_wide(id), "{id}");
        }
        for name in [&b"utf8mb4"[..], b"utf8mb3", b"utf8", b"ascii", b"binary"] {
            assert!(!is_foreign_name(name));
        }
        for name in [&b"gbk"[..], b"latin1", b"big5", b"sjis", b"UTF8MB4 "] {
            assert!(is_foreign_name(name));
        }
    }
}
