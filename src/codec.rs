//! Whole packets for `tokio_util`'s `Framed`: what proxies, recorders and small servers need.
//!
//! ```
//! use bytes::BytesMut;
//! use mywire::codec::{Packet, PacketCodec};
//! use tokio_util::codec::{Decoder, Encoder};
//!
//! # fn main() -> Result<(), mywire::codec::CodecError> {
//! let mut codec = PacketCodec::new();
//! let mut bytes = BytesMut::new();
//! codec.encode(Packet { sequence: 0, payload: b"\x03SELECT 1" }, &mut bytes)?;
//! assert_eq!(&bytes[..], b"\x09\0\0\0\x03SELECT 1");
//!
//! let packet = codec.decode(&mut bytes)?.expect("a whole packet");
//! assert_eq!((packet.sequence, &packet.payload[..]), (0, &b"\x03SELECT 1"[..]));
//! assert_eq!(packet.next_sequence(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! A packet is what the protocol means by one: payloads of 16 MiB and more, which are cut into
//! chunks on the wire (F-02), are joined and cut again. [`wire`](crate::wire) decodes what is in
//! them.
//!
//! **Sequence ids.** Within a packet they must count up (F-04). Where an exchange begins is for the
//! caller to know: [`Packet::sequence`] is the first chunk's id, [`Packet::next_sequence`] the one
//! that follows its last.
//!
//! **Filters.** TLS begins behind the client's SSLRequest, compression behind the end of the login;
//! from there the bytes are no packets. `Framed::into_parts` gives back the stream together with
//! what was already read of it, which must be nothing where TLS begins (T-06).

use std::fmt;
use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use crate::wire::PacketHeader;
use crate::wire::packet::{HEADER_SIZE, MAX_CHUNK};

/// 1 GiB: the protocol's own cap on a payload (F-09), and the most that `max_allowed_packet` can be.
pub const DEFAULT_MAX_PACKET: usize = 1 << 30;

/// One packet. The codec decodes [`Bytes`], and encodes whatever is bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<P = Bytes> {
    /// The sequence id of its first chunk.
    pub sequence: u8,
    /// The payload, of all chunks together.
    pub payload: P,
}

impl<P: AsRef<[u8]>> Packet<P> {
    /// The id of the packet that comes next in the same exchange.
    #[must_use]
    pub fn next_sequence(&self) -> u8 {
        // One for each whole chunk, and one for the shorter last one; ids wrap.
        let [last, ..] = (self.payload.as_ref().len() / MAX_CHUNK).to_le_bytes();
        self.sequence.wrapping_add(last).wrapping_add(1)
    }
}

/// Decodes and encodes whole packets.
///
/// Memory: what was received of the packet in progress, and never more than the limit and one chunk
/// of 16 MiB. A length that was only claimed allocates nothing.
#[derive(Debug)]
pub struct PacketCodec {
    max_packet: usize,
    partial: Option<Partial>,
}

/// The chunks that are here of a packet whose end is not.
#[derive(Debug)]
struct Partial {
    first: u8,
    next: u8,
    payload: BytesMut,
}

impl PacketCodec {
    /// A codec for payloads of up to [`DEFAULT_MAX_PACKET`] bytes.
    #[must_use]
    pub const fn new() -> Self {
        Self { max_packet: DEFAULT_MAX_PACKET, partial: None }
    }

    /// Sets the largest payload, in bytes, in either direction.
    #[must_use]
    pub const fn max_packet(mut self, bytes: usize) -> Self {
        self.max_packet = bytes;
        self
    }
}

impl Default for PacketCodec {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder for PacketCodec {
    type Item = Packet;
    type Error = CodecError;

    /// The next packet, once all of it is here. After an error nothing that follows can be made
    /// sense of: close the connection.
    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Packet>, CodecError> {
        loop {
            let Some(header) = src.first_chunk::<HEADER_SIZE>() else { return Ok(None) };
            let header = PacketHeader::decode(*header);
            let length = usize::try_from(header.length).unwrap_or(usize::MAX);
            let before = self.partial.as_ref().map_or(0, |partial| partial.payload.len());
            // Before the chunk itself is here: what is too large is not collected first (T-20).
            if length > self.max_packet.saturating_sub(before) {
                return Err(CodecError::TooLarge { max: self.max_packet });
            }
            if let Some(partial) = &self.partial
                && partial.next != header.sequence
            {
                let (expected, found) = (partial.next, header.sequence);
                return Err(CodecError::Sequence { expected, found });
            }
            if src.len() < HEADER_SIZE.saturating_add(length) {
                return Ok(None);
            }
            src.advance(HEADER_SIZE);
            let chunk = src.split_to(length);
            let next = header.sequence.wrapping_add(1);
            let (first, payload) = match self.partial.take() {
                None => (header.sequence, chunk),
                Some(Partial { first, mut payload, .. }) => {
                    payload.extend_from_slice(&chunk);
                    (first, payload)
                }
            };
            if !header.is_continued() {
                return Ok(Some(Packet { sequence: first, payload: payload.freeze() }));
            }
            self.partial = Some(Partial { first, next, payload });
        }
    }

    /// Fails if the input ends within a packet.
    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Packet>, CodecError> {
        match self.decode(src)? {
            None if !src.is_empty() || self.partial.is_some() => Err(CodecError::Truncated),
            packet => Ok(packet),
        }
    }
}

impl<P: AsRef<[u8]>> Encoder<Packet<P>> for PacketCodec {
    type Error = CodecError;

    fn encode(&mut self, packet: Packet<P>, dst: &mut BytesMut) -> Result<(), CodecError> {
        let mut rest = packet.payload.as_ref();
        if rest.len() > self.max_packet {
            return Err(CodecError::TooLarge { max: self.max_packet });
        }
        let headers = (rest.len() / MAX_CHUNK).saturating_add(1).saturating_mul(HEADER_SIZE);
        dst.reserve(rest.len().saturating_add(headers));
        let mut sequence = packet.sequence;
        loop {
            let (chunk, behind) = rest.split_at(rest.len().min(MAX_CHUNK));
            let length = u32::try_from(chunk.len()).unwrap_or(u32::MAX);
            dst.put_slice(&PacketHeader { length, sequence }.encode());
            dst.put_slice(chunk);
            // A payload that fills its last chunk gets an empty one (F-02).
            if chunk.len() < MAX_CHUNK {
                return Ok(());
            }
            sequence = sequence.wrapping_add(1);
            rest = behind;
        }
    }
}

/// Why packets cannot be read or written.
#[derive(Debug)]
#[non_exhaustive]
pub enum CodecError {
    /// The transport failed.
    Io(io::Error),
    /// A payload is longer than the limit allows.
    TooLarge {
        /// The limit, in bytes.
        max: usize,
    },
    /// The chunks of a packet do not count up (F-04).
    Sequence {
        /// The id that was due.
        expected: u8,
        /// The id that came.
        found: u8,
    },
    /// The input ended within a packet.
    Truncated,
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the transport of packets failed: {error}"),
            Self::TooLarge { max } => write!(
                f,
                "a packet is larger than the {max} bytes allowed; `PacketCodec::max_packet` sets \
                 the limit"
            ),
            Self::Sequence { expected, found } => {
                write!(f, "a packet goes on with the sequence id {found} instead of {expected}")
            }
            Self::Truncated => f.write_str("the input ended within a packet"),
        }
    }
}

impl std::error::Error for CodecError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for CodecError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::packet;

    fn framed(payload: &[u8], sequence: u8) -> Vec<u8> {
        let mut bytes = Vec::new();
        packet::write(&mut bytes, payload, sequence);
        bytes
    }

    #[test]
    fn f02_payloads_of_every_size_come_back_whole() {
        for length in [0, 1, 250, MAX_CHUNK - 1, MAX_CHUNK, MAX_CHUNK + 1, 2 * MAX_CHUNK] {
            let payload: Vec<u8> = (0..=255).cycle().take(length).collect();
            let mut codec = PacketCodec::new();
            let mut bytes = BytesMut::new();
            codec.encode(Packet { sequence: 254, payload: &payload }, &mut bytes).unwrap();
            assert!(bytes[..] == framed(&payload, 254)[..], "{length}");
            codec.encode(Packet { sequence: 7, payload: b"next" }, &mut bytes).unwrap();
            let packet = codec.decode(&mut bytes).unwrap().unwrap();
            assert!(packet.payload == payload && packet.sequence == 254, "{length}");
            let next = packet::write(&mut Vec::new(), &payload, 254);
            assert_eq!(packet.next_sequence(), next, "{length}");
            let packet = codec.decode_eof(&mut bytes).unwrap().unwrap();
            assert_eq!(packet, Packet { sequence: 7, payload: Bytes::from_static(b"next") });
            assert!(codec.decode_eof(&mut bytes).unwrap().is_none());
        }
    }

    #[test]
    fn f01_bytes_that_come_one_by_one_are_the_same_packets() {
        let bytes = [framed(b"one", 0), framed(b"", 1), framed(b"three", 2)].concat();
        let (mut codec, mut src) = (PacketCodec::new(), BytesMut::new());
        let mut packets = Vec::new();
        for byte in bytes {
            src.put_u8(byte);
            packets.extend(codec.decode(&mut src).unwrap());
        }
        let payloads: Vec<_> = packets.iter().map(|packet| &packet.payload[..]).collect();
        assert_eq!(payloads, [&b"one"[..], b"", b"three"]);
    }

    #[test]
    fn t20_a_length_over_the_limit_fails_at_its_header() {
        let mut codec = PacketCodec::new().max_packet(10);
        let mut src = BytesMut::from(&[11, 0, 0, 0][..]);
        let error = codec.decode(&mut src).unwrap_err();
        assert!(matches!(error, CodecError::TooLarge { max: 10 }), "{error}");
        // A claim within the limit takes no memory before its bytes are there.
        let mut codec = PacketCodec::new();
        let mut src = BytesMut::from(&[0xFF, 0xFF, 0xFF, 0][..]);
        assert!(codec.decode(&mut src).unwrap().is_none());
        assert!(src.capacity() < 100);
        // The chunks of one payload count together.
        let mut codec = PacketCodec::new().max_packet(MAX_CHUNK + 10);
        let mut src = BytesMut::from(&framed(&vec![0; MAX_CHUNK], 0)[..MAX_CHUNK + 4]);
        assert!(codec.decode(&mut src).unwrap().is_none());
        src.extend_from_slice(&[11, 0, 0, 1]);
        assert!(matches!(codec.decode(&mut src), Err(CodecError::TooLarge { .. })));
        let mut dst = BytesMut::new();
        let large = Packet { sequence: 0, payload: vec![0; MAX_CHUNK + 11] };
        assert!(matches!(codec.encode(large, &mut dst), Err(CodecError::TooLarge { .. })));
        assert!(dst.is_empty());
    }

    #[test]
    fn f04_chunks_out_of_order_are_an_error() {
        let mut bytes = framed(&vec![0; MAX_CHUNK + 1], 255);
        let second = MAX_CHUNK + HEADER_SIZE + 3;
        assert_eq!(bytes[second], 0);
        bytes[second] = 1;
        let error = PacketCodec::new().decode(&mut BytesMut::from(&bytes[..])).unwrap_err();
        assert!(matches!(error, CodecError::Sequence { expected: 0, found: 1 }), "{error}");
    }

    #[test]
    fn an_end_within_a_packet_is_an_error() {
        let whole = framed(&vec![0; MAX_CHUNK], 0);
        // In the header, in the payload, and behind the first of two chunks.
        for length in [1, 3, 4, 100, MAX_CHUNK + HEADER_SIZE, MAX_CHUNK + HEADER_SIZE + 1] {
            let mut src = BytesMut::from(&whole[..length]);
            let error = PacketCodec::new().decode_eof(&mut src).unwrap_err();
            assert!(matches!(error, CodecError::Truncated), "{length}: {error}");
        }
    }
}
