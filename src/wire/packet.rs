//! Physical packets: the 4-byte header, and the one splitter of payloads (F-01 to F-07).

/// The largest payload of one physical packet (F-01). A payload of this length or more is cut into
/// chunks of exactly this length and a shorter, possibly empty, last one (F-02).
pub const MAX_CHUNK: usize = 0xFF_FFFF;

/// The size of a packet header, in bytes.
pub const HEADER_SIZE: usize = 4;

/// The header of one physical packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketHeader {
    /// Payload length in bytes, at most [`MAX_CHUNK`].
    pub length: u32,
    /// Sequence id: 0 starts a command, each further packet of the exchange counts up modulo 256.
    pub sequence: u8,
}

impl PacketHeader {
    /// Reads a header. Every four bytes are one.
    #[must_use]
    pub const fn decode([a, b, c, sequence]: [u8; HEADER_SIZE]) -> Self {
        Self { length: u32::from_le_bytes([a, b, c, 0]), sequence }
    }

    /// The header's four bytes; the length's highest byte is dropped, see [`MAX_CHUNK`].
    #[must_use]
    pub const fn encode(self) -> [u8; HEADER_SIZE] {
        let [a, b, c, _] = self.length.to_le_bytes();
        [a, b, c, self.sequence]
    }

    /// Whether the same payload goes on in the next packet.
    #[must_use]
    pub const fn is_continued(self) -> bool {
        self.length == 0xFF_FFFF
    }
}

/// Reserves the header of a packet at the end of `out`. The payload is appended after it, then
/// [`finish`] fills the header in.
pub fn begin(out: &mut Vec<u8>) -> PacketStart {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_SIZE]);
    PacketStart { start }
}

/// Where a packet begun with [`begin`] starts.
#[derive(Debug)]
#[must_use]
pub struct PacketStart {
    start: usize,
}

impl PacketStart {
    /// The length of the payload appended so far, in bytes.
    #[must_use]
    pub fn payload_len(&self, out: &[u8]) -> usize {
        out.len().saturating_sub(self.start).saturating_sub(HEADER_SIZE)
    }

    /// Takes the packet back: `out` is as it was at [`begin`].
    pub fn abandon(self, out: &mut Vec<u8>) {
        out.truncate(self.start);
    }
}

/// Frames the payload appended since [`begin`] in place and returns the next sequence id.
///
/// Payloads of 16 MiB - 1 and more get their further headers by moving each chunk once.
pub fn finish(out: &mut Vec<u8>, packet: PacketStart, mut sequence: u8) -> u8 {
    let payload = packet.payload_len(out);
    let further = payload.checked_div(MAX_CHUNK).unwrap_or_default();
    out.resize(out.len().saturating_add(further.saturating_mul(HEADER_SIZE)), 0);
    for chunk in (1..=further).rev() {
        let from = packet
            .start
            .saturating_add(HEADER_SIZE)
            .saturating_add(chunk.saturating_mul(MAX_CHUNK));
        let length = payload.saturating_sub(chunk.saturating_mul(MAX_CHUNK)).min(MAX_CHUNK);
        let to = from.saturating_add(chunk.saturating_mul(HEADER_SIZE));
        out.copy_within(from..from.saturating_add(length), to);
    }
    for chunk in 0..=further {
        let at = packet
            .start
            .saturating_add(chunk.saturating_mul(MAX_CHUNK.saturating_add(HEADER_SIZE)));
        let length = payload.saturating_sub(chunk.saturating_mul(MAX_CHUNK)).min(MAX_CHUNK);
        let length = u32::try_from(length).unwrap_or(0xFF_FFFF);
        let header = PacketHeader { length, sequence }.encode();
        if let Some(place) = out.get_mut(at..).and_then(|tail| tail.first_chunk_mut()) {
            *place = header;
        }
        sequence = sequence.wrapping_add(1);
    }
    sequence
}

/// Appends `payload` as packets that start with id `sequence`; returns the next id.
pub fn write(out: &mut Vec<u8>, payload: &[u8], sequence: u8) -> u8 {
    let packet = begin(out);
    out.extend_from_slice(payload);
    finish(out, packet, sequence)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Splits `bytes` by their headers, as an independent reader would.
    fn chunks(mut bytes: &[u8]) -> Vec<(u8, &[u8])> {
        let mut out = Vec::new();
        while let Some((header, rest)) = bytes.split_first_chunk::<4>() {
            let header = PacketHeader::decode(*header);
            let (chunk, rest) = rest.split_at(header.length as usize);
            out.push((header.sequence, chunk));
            bytes = rest;
        }
        out
    }

    #[test]
    fn e02_payloads_split_at_exact_multiples() {
        for (payload, want) in [
            (0, vec![0]),
            (1, vec![1]),
            (MAX_CHUNK - 1, vec![MAX_CHUNK - 1]),
            (MAX_CHUNK, vec![MAX_CHUNK, 0]),
            (MAX_CHUNK + 1, vec![MAX_CHUNK, 1]),
            (2 * MAX_CHUNK, vec![MAX_CHUNK, MAX_CHUNK, 0]),
            (2 * MAX_CHUNK + 5, vec![MAX_CHUNK, MAX_CHUNK, 5]),
        ] {
            let body: Vec<u8> = (0..payload).map(|i| (i % 251) as u8).collect();
            let mut out = b"before".to_vec();
            let next = write(&mut out, &body, 254);
            let parts = chunks(&out[6..]);
            assert_eq!(parts.iter().map(|(_, chunk)| chunk.len()).collect::<Vec<_>>(), want);
            let ids: Vec<u8> = parts.iter().map(|&(id, _)| id).collect();
            let expected: Vec<u8> = (0..want.len()).map(|i| 254_u8.wrapping_add(i as u8)).collect();
            assert_eq!(ids, expected);
            assert_eq!(next, 254_u8.wrapping_add(want.len() as u8));
            let joined: Vec<u8> = parts.iter().flat_map(|&(_, chunk)| chunk.to_vec()).collect();
            assert!(joined == body, "payload of {payload} bytes");
        }
    }

    #[test]
    fn an_abandoned_packet_leaves_no_trace() {
        let mut out = b"before".to_vec();
        let packet = begin(&mut out);
        out.extend_from_slice(b"payload");
        assert_eq!(packet.payload_len(&out), 7);
        packet.abandon(&mut out);
        assert_eq!(out, b"before");
    }
}
