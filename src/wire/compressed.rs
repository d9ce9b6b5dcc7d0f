//! Frames of the compressed protocol: the 7-byte header in front of each (F-31).
//!
//! What the frames carry is the stream of ordinary [packets](super::packet), cut anywhere (F-34).

/// The size of a frame's header, in bytes.
pub const HEADER_SIZE: usize = 7;

/// The most bytes that a frame can carry, before compression and after it (F-35).
pub const MAX_FRAME: usize = 0xFF_FFFF;

/// The header of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompressedHeader {
    /// The bytes that follow, at most [`MAX_FRAME`].
    pub length: u32,
    /// Sequence id of frames: 0 starts a command, each further frame of the exchange counts up
    /// modulo 256, whatever the ids of the packets within (F-37).
    pub sequence: u8,
    /// The length of what follows before it was compressed; 0 if it is not (F-31).
    pub plain_length: u32,
}

impl CompressedHeader {
    /// Reads a header. Every seven bytes are one.
    #[must_use]
    pub const fn decode([a, b, c, sequence, x, y, z]: [u8; HEADER_SIZE]) -> Self {
        let length = u32::from_le_bytes([a, b, c, 0]);
        Self { length, sequence, plain_length: u32::from_le_bytes([x, y, z, 0]) }
    }

    /// The header's seven bytes; the lengths' highest bytes are dropped, see [`MAX_FRAME`].
    #[must_use]
    pub const fn encode(self) -> [u8; HEADER_SIZE] {
        let [a, b, c, _] = self.length.to_le_bytes();
        let [x, y, z, _] = self.plain_length.to_le_bytes();
        [a, b, c, self.sequence, x, y, z]
    }

    /// Whether what follows is not compressed.
    #[must_use]
    pub const fn is_stored(self) -> bool {
        self.plain_length == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f31_lengths_are_little_endian_and_the_id_stands_between() {
        let header = CompressedHeader { length: 0x22, sequence: 7, plain_length: 0xFF_FFFF };
        assert_eq!(header.encode(), [0x22, 0, 0, 7, 0xFF, 0xFF, 0xFF]);
        assert_eq!(CompressedHeader::decode(header.encode()), header);
        assert!(!header.is_stored());
        assert!(CompressedHeader { plain_length: 0, ..header }.is_stored());
    }
}
