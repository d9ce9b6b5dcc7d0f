//! Zstandard, by ruzstd.
//!
//! The decoder is fed one block at a time. So nothing is decoded ahead of what was asked for, and a
//! block that is not here as a whole is never begun.

use std::fmt;

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use ruzstd::encoding::{CompressionLevel, compress};

use super::codec::Inflated;
use crate::error::BadFrame;

/// The largest window that a frame may want, in bytes: the most that a frame of the protocol can
/// hold, so that no server's frame needs more (T-31).
const MAX_WINDOW: u64 = 16 << 20;

/// The largest window whose memory is kept for the next frame, in bytes: that of the servers'
/// default level.
const KEPT_WINDOW: u64 = 2 << 20;

/// The most that a block holds, compressed or not, in bytes.
const MAX_BLOCK: usize = 128 << 10;

const MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];
const BLOCK_HEADER: usize = 3;
const CHECKSUM: usize = 4;

/// Takes the data of a frame.
///
/// ```text
///   Header ──▶ BlockHeader ──▶ Block ──▶ Output ──▶ Over
///                   ▲                      │
///                   └──────────────────────┘
/// ```
#[derive(Default)]
pub(super) struct Inflater {
    decoder: Option<FrameDecoder>,
    /// The window of the decoder's frame, in bytes.
    window: u64,
    checksummed: bool,
    /// The header or block that is arriving, as far as it is here.
    unit: Vec<u8>,
    place: Place,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Header,
    BlockHeader,
    Block {
        length: usize,
    },
    Output,
    Over,
}

impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflater").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Inflater {
    /// Gets ready for another frame.
    pub(super) fn reset(&mut self) {
        if self.window > KEPT_WINDOW {
            self.decoder = None;
            self.window = 0;
        }
        self.unit.clear();
        self.place = Place::Header;
    }

    pub(super) fn inflate(&mut self, body: &[u8], out: &mut [u8]) -> Inflated {
        let mut rest = body;
        let mut made = 0;
        let ended = self.go_on(&mut rest, out, &mut made);
        Inflated { taken: body.len() - rest.len(), made, ended }
    }

    fn go_on(
        &mut self,
        rest: &mut &[u8],
        out: &mut [u8],
        made: &mut usize,
    ) -> Result<bool, BadFrame> {
        loop {
            match self.place {
                Place::Header => {
                    let wanted = match self.unit.get(MAGIC.len()) {
                        None => MAGIC.len() + 1,
                        Some(&descriptor) => header_len(descriptor),
                    };
                    if !self.collect(rest, wanted) {
                        return Ok(false);
                    }
                    if wanted > MAGIC.len() + 1 {
                        self.begin()?;
                        self.next(Place::BlockHeader);
                    }
                }
                Place::BlockHeader => {
                    if !self.collect(rest, BLOCK_HEADER) {
                        return Ok(false);
                    }
                    let length = self.block_len()?;
                    self.place = Place::Block { length };
                }
                Place::Block { length } => {
                    if !self.collect(rest, length) {
                        return Ok(false);
                    }
                    self.decode()?;
                    self.next(Place::Output);
                }
                Place::Output => {
                    let Some(decoder) = &mut self.decoder else { return Err(BadFrame::Corrupt) };
                    let space = out.get_mut(*made..).unwrap_or_default();
                    *made += read(decoder, space)?;
                    if decoder.can_collect() > 0 {
                        return Ok(false);
                    }
                    let place = match decoder.is_finished() {
                        true => {
                            self.check()?;
                            Place::Over
                        }
                        false => Place::BlockHeader,
                    };
                    self.next(place);
                }
                Place::Over => return Ok(true),
            }
        }
    }

    fn next(&mut self, place: Place) {
        self.unit.clear();
        self.place = place;
    }

    /// Fills the unit up to `wanted` bytes; `false` if they are not all here yet.
    fn collect(&mut self, rest: &mut &[u8], wanted: usize) -> bool {
        let missing = wanted.saturating_sub(self.unit.len());
        let (new, left) = rest.split_at(missing.min(rest.len()));
        self.unit.extend_from_slice(new);
        *rest = left;
        new.len() == missing
    }

    /// Begins the frame whose header is here.
    fn begin(&mut self) -> Result<(), BadFrame> {
        let header = FrameHeader::decode(&self.unit).ok_or(BadFrame::Corrupt)?;
        if header.window > MAX_WINDOW {
            return Err(BadFrame::Window);
        }
        if header.window > KEPT_WINDOW {
            // A decoder that is used again makes room for the whole window at once; a new one
            // follows what really arrives.
            self.decoder = None;
        }
        self.window = header.window;
        self.checksummed = header.checksummed;
        let decoder = self.decoder.get_or_insert_with(FrameDecoder::new);
        decoder.reset(&*self.unit).map_err(|_| BadFrame::Corrupt)
    }

    /// The length of the block whose header is here, together with it and with the checksum behind
    /// the last one.
    fn block_len(&self) -> Result<usize, BadFrame> {
        let Some(&[a, b, c]) = self.unit.first_chunk() else { return Err(BadFrame::Corrupt) };
        let header = u32::from_le_bytes([a, b, c, 0]);
        let size = usize::try_from(header >> 3).unwrap_or(usize::MAX);
        if size > MAX_BLOCK {
            return Err(BadFrame::Corrupt);
        }
        // A block of one byte over and over has only that byte.
        let repeated = header >> 1 & 3 == 1;
        let content = if repeated { 1 } else { size };
        let last = header & 1 == 1;
        let checksum = if last && self.checksummed { CHECKSUM } else { 0 };
        Ok(BLOCK_HEADER + content + checksum)
    }

    fn decode(&mut self) -> Result<(), BadFrame> {
        let Some(decoder) = &mut self.decoder else { return Err(BadFrame::Corrupt) };
        let one = BlockDecodingStrategy::UptoBlocks(1);
        decoder.decode_blocks(&*self.unit, one).map(drop).map_err(|_| BadFrame::Corrupt)
    }

    fn check(&self) -> Result<(), BadFrame> {
        let Some(decoder) = self.decoder.as_ref().filter(|_| self.checksummed) else {
            return Ok(());
        };
        match decoder.get_checksum_from_data() == decoder.get_calculated_checksum() {
            true => Ok(()),
            false => Err(BadFrame::Corrupt),
        }
    }
}

fn read(decoder: &mut FrameDecoder, out: &mut [u8]) -> Result<usize, BadFrame> {
    // ruzstd's own trait or the standard library's, whichever its features say.
    use ruzstd::io::Read as _;
    decoder.read(out).map_err(|_| BadFrame::Corrupt)
}

/// What a frame says of itself.
struct FrameHeader {
    window: u64,
    checksummed: bool,
}

impl FrameHeader {
    fn decode(bytes: &[u8]) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk::<4>()?;
        let (&descriptor, rest) = rest.split_first()?;
        if *magic != MAGIC {
            return None;
        }
        let checksummed = descriptor >> 2 & 1 == 1;
        let window = match is_single_segment(descriptor) {
            true => content_size(rest.get(dictionary_len(descriptor)..)?),
            false => {
                let &window = rest.first()?;
                let base = 1_u64 << (10 + (window >> 3));
                base + base / 8 * u64::from(window & 7)
            }
        };
        Some(Self { window, checksummed })
    }
}

/// The length of a frame's header, by its descriptor.
fn header_len(descriptor: u8) -> usize {
    let single = is_single_segment(descriptor);
    let window = usize::from(!single);
    let content_size = match descriptor >> 6 {
        0 => usize::from(single),
        1 => 2,
        2 => 4,
        _ => 8,
    };
    MAGIC.len() + 1 + window + dictionary_len(descriptor) + content_size
}

const fn is_single_segment(descriptor: u8) -> bool {
    descriptor >> 5 & 1 == 1
}

const fn dictionary_len(descriptor: u8) -> usize {
    match descriptor & 3 {
        0 => 0,
        1 => 1,
        2 => 2,
        _ => 4,
    }
}

/// The content's size in a header's last field, in bytes.
fn content_size(field: &[u8]) -> u64 {
    let size = field.iter().rev().fold(0, |size, &byte| size << 8 | u64::from(byte));
    if field.len() == 2 { size + 256 } else { size }
}

/// Appends `plain` as one frame; `false` if that is not shorter. Then what was appended is of no use.
pub(super) fn deflate(plain: &[u8], out: &mut Vec<u8>) -> bool {
    let start = out.len();
    compress(plain, &mut *out, CompressionLevel::Fastest);
    out.len() - start < plain.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F-32: how long a header is, and how much it wants, in every form that RFC 8878 has.
    #[test]
    fn f32_the_fields_of_a_header() {
        // A window of its own: 1 KiB << 10, and three eighths more.
        let windowed = |descriptor: u8| [&MAGIC[..], &[descriptor, 10 << 3 | 3]].concat();
        for (descriptor, length) in [
            (0b0000_0000, 6),
            (0b0000_0001, 7),
            (0b0000_0010, 8),
            (0b0000_0011, 10),
            (0b0100_0000, 8),
            (0b1000_0000, 10),
            (0b1100_0000, 14),
            (0b1100_0011, 18),
        ] {
            assert_eq!(header_len(descriptor), length, "{descriptor:08b}");
            let header = FrameHeader::decode(&windowed(descriptor)).unwrap();
            assert_eq!(header.window, (1 << 20) + 3 * (1 << 17), "{descriptor:08b}");
            assert!(!header.checksummed);
        }
        // Without one, the window is all that there is.
        for (descriptor, fields, size) in [
            (0b0010_0000, &[200][..], 200),
            (0b0110_0000, &[1, 2], 0x0201 + 256),
            (0b1010_0000, &[1, 2, 3, 4], 0x0403_0201),
            (0b1110_0000, &[1, 2, 3, 4, 5, 6, 7, 8], 0x0807_0605_0403_0201),
            (0b0010_0001, &[9, 200], 200),
            (0b0110_0010, &[9, 9, 1, 2], 0x0201 + 256),
            (0b1010_0111, &[9, 9, 9, 9, 1, 2, 3, 4], 0x0403_0201),
        ] {
            let bytes = [&MAGIC[..], &[descriptor], fields].concat();
            assert_eq!(header_len(descriptor), bytes.len(), "{descriptor:08b}");
            let header = FrameHeader::decode(&bytes).unwrap();
            assert_eq!(header.window, size, "{descriptor:08b}");
            assert_eq!(header.checksummed, descriptor & 4 != 0);
        }
        assert!(FrameHeader::decode(&[0x28, 0xB5, 0x2F, 0xFC, 0, 0]).is_none());
    }

    /// A window larger than any honest frame needs, and blocks that no decoder has, are refused before
    /// anything is decoded.
    #[test]
    fn t31_what_no_frame_needs_is_refused() {
        let begin = |window: u64| {
            let unit = [&MAGIC[..], &[0b1110_0000], &window.to_le_bytes()].concat();
            let mut inflater = Inflater { unit, ..Inflater::default() };
            inflater.begin()
        };
        assert_eq!(begin(MAX_WINDOW), Ok(()));
        assert_eq!(begin(MAX_WINDOW + 1), Err(BadFrame::Window));
        let block_len = |header: u32, checksummed| {
            let unit = header.to_le_bytes()[..3].to_vec();
            Inflater { unit, checksummed, ..Inflater::default() }.block_len()
        };
        let most = u32::try_from(MAX_BLOCK).unwrap();
        assert_eq!(block_len(most << 3, true), Ok(3 + MAX_BLOCK));
        assert_eq!(block_len(most << 3 | 1, true), Ok(3 + MAX_BLOCK + 4));
        assert_eq!(block_len(most << 3 | 1, false), Ok(3 + MAX_BLOCK));
        assert_eq!(block_len(most << 3 | 0b011, false), Ok(3 + 1));
        assert_eq!(block_len(most << 3 | 0b100, false), Ok(3 + MAX_BLOCK));
        assert_eq!(block_len((most + 1) << 3, false), Err(BadFrame::Corrupt));
    }
}
