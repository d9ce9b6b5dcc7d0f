//! Compression as a filter of bytes between the transport, or TLS, and the packets.
//!
//! ```text
//!   transport ──▶ [TLS] ──▶ incoming ──inflate──▶ receive window ──▶ packets
//!   transport ◀── [TLS] ◀── outgoing ◀──deflate── send buffer ◀── packets
//! ```
//!
//! It begins behind the OK that ends the login (F-30). Frames are inflated as they arrive, into the
//! space that the receive window has: neither a frame nor what it makes has to fit into memory. One
//! look inflates no more than the rest of one frame, so that what comes next is not numbered before
//! the packets have said which reply it belongs to.

mod codec;
mod zlib;
#[cfg(feature = "zstd")]
mod zstd;

use codec::{Deflater, Inflated, Inflater};

use super::Fault;
use super::connection::Connection;
use super::recv::Recv;
use super::send::SendBuf;
use crate::config::{Compression, CompressionOptions};
use crate::error::{BadFrame, ProtocolErrorKind as Kind};
use crate::wire::compressed::{HEADER_SIZE, MAX_FRAME};
use crate::wire::packet;
use crate::wire::{CompressedHeader, PacketHeader, reply};

/// The space for frames as they come, in bytes: large reads, whatever a frame's size.
const WINDOW: usize = 64 << 10;

/// The most that one frame sent carries, in bytes. Larger ones gain nothing, and what does not get
/// shorter is found out after so much work at most.
const MAX_SENT: usize = 1 << 20;

/// How many empty frames may come in a row. No server sends one (T-31).
const MAX_EMPTY: usize = 8;

/// The longest frame with a wrong sequence id that is looked at, in bytes: error reports are short.
const MAX_MISPLACED: usize = 8 << 10;

/// The compressed layer of a connection.
pub(super) struct Compress {
    algorithm: Compression,
    options: CompressionOptions,
    /// Frames as they came; `[start, end)` is not inflated yet.
    incoming: Vec<u8>,
    start: usize,
    end: usize,
    /// The frame in progress.
    frame: Option<Frame>,
    inflater: Option<Inflater>,
    /// The sequence id that is due (F-37).
    due: u8,
    empty_frames: usize,
    /// What is wrong behind what was inflated last.
    failed: Option<Fault>,
    /// All bytes that were inflated.
    inflated: u64,
    deflater: Option<Deflater>,
    /// The sequence id of the next frame to send.
    sequence: u8,
    /// Frames to send.
    pub(super) outgoing: SendBuf,
}

/// A frame of which the header was read.
struct Frame {
    /// Bytes of it that are still due.
    body_left: usize,
    /// Bytes that it still has to make.
    plain_left: usize,
    stored: bool,
    /// If its sequence id is wrong: why, and what it makes, which is no part of the stream.
    misplaced: Option<(Kind, Vec<u8>)>,
}

impl std::fmt::Debug for Compress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compress")
            .field("algorithm", &self.algorithm)
            .field("due", &self.due)
            .field("sequence", &self.sequence)
            .field("inflated", &self.inflated)
            .finish_non_exhaustive()
    }
}

impl Compress {
    /// `pending` is what came behind the login's OK.
    fn new(algorithm: Compression, options: CompressionOptions, pending: &[u8]) -> Self {
        let mut incoming = vec![0; WINDOW.max(pending.len())];
        if let Some(space) = incoming.get_mut(..pending.len()) {
            space.copy_from_slice(pending);
        }
        Self {
            algorithm,
            options,
            incoming,
            start: 0,
            end: pending.len(),
            frame: None,
            inflater: None,
            due: 0,
            empty_frames: 0,
            failed: None,
            inflated: 0,
            deflater: None,
            sequence: 0,
            outgoing: SendBuf::default(),
        }
    }

    // What comes.

    /// Whether there is no space behind the frames that are not inflated.
    pub(super) fn is_full(&self) -> bool {
        self.end == self.incoming.len()
    }

    pub(super) fn spare(&mut self) -> &mut [u8] {
        if self.is_full() {
            self.make_room();
        }
        self.incoming.get_mut(self.end..).unwrap_or_default()
    }

    pub(super) fn received(&mut self, n: usize) {
        self.end = (self.end + n).min(self.incoming.len());
    }

    /// Makes space for bytes behind those that are not inflated.
    pub(super) fn make_room(&mut self) {
        self.incoming.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
    }

    /// Whether a part of a frame is here and its end is not.
    pub(super) fn in_frame(&self) -> bool {
        self.frame.is_some() || self.start < self.end
    }

    /// A reply begins, whose first frame has this id unless it began in the frame before, which
    /// ended with `pending` bytes of it.
    fn begin_reply(&mut self, sequence: u8, pending: bool) {
        if !pending && self.frame.as_ref().is_none_or(|frame| frame.plain_left == 0) {
            self.due = sequence;
        }
    }

    /// Inflates what is here of one frame, as far as the window has space; says whether any byte
    /// came of it.
    fn inflate(&mut self, recv: &mut Recv) -> Result<bool, Fault> {
        if let Some(fault) = self.failed.take() {
            return Err(fault);
        }
        let mut made = 0;
        let outcome = self.go_on(recv, &mut made);
        self.inflated = self.inflated.saturating_add(u64::try_from(made).unwrap_or(u64::MAX));
        match outcome {
            // What came in good order comes out first, however the frames were read (G6).
            Err(fault) if made > 0 => self.failed = Some(fault),
            outcome => outcome?,
        }
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
        Ok(made > 0)
    }

    fn go_on(&mut self, recv: &mut Recv, made: &mut usize) -> Result<(), Fault> {
        loop {
            if self.frame.is_none() && (*made > 0 || !self.begin_frame(recv.in_packet())?) {
                return Ok(());
            }
            let Some(frame) = &mut self.frame else { continue };
            let body = self.incoming.get(self.start..self.end).unwrap_or_default();
            let body = body.get(..frame.body_left).unwrap_or(body);
            // Whether a frame makes more than it announces shows in one byte more.
            let mut over = [0];
            let space = match &mut frame.misplaced {
                _ if frame.plain_left == 0 => &mut over[..],
                Some((_, aside)) => {
                    let at = aside.len().saturating_sub(frame.plain_left);
                    aside.get_mut(at..).unwrap_or_default()
                }
                None => recv.spare(),
            };
            let len = space.len().min(frame.plain_left.max(1));
            let space = space.get_mut(..len).unwrap_or_default();
            if space.is_empty() {
                return Ok(());
            }
            let inflated = match &mut self.inflater {
                Some(inflater) if !frame.stored => inflater.inflate(body, space),
                _ => copy(body, space, frame.body_left),
            };
            self.start += inflated.taken;
            frame.body_left = frame.body_left.saturating_sub(inflated.taken);
            if frame.plain_left == 0 && inflated.made > 0 {
                return Err(Kind::Compressed(BadFrame::Longer).into());
            }
            frame.plain_left -= inflated.made.min(frame.plain_left);
            if frame.misplaced.is_none() && inflated.made > 0 {
                recv.received(inflated.made);
                *made += inflated.made;
            }
            if inflated.ended.map_err(Kind::Compressed)? {
                self.end_frame()?;
            } else if inflated.taken == 0 && inflated.made == 0 {
                return match frame.body_left {
                    0 => Err(Kind::Compressed(BadFrame::Truncated).into()),
                    _ => Ok(()),
                };
            }
        }
    }

    /// Reads the next frame's header; `false` if it is not here. `in_packet` tells whether the
    /// stream stands in the middle of a packet.
    fn begin_frame(&mut self, in_packet: bool) -> Result<bool, Fault> {
        let pending = self.incoming.get(self.start..self.end).unwrap_or_default();
        let Some(&header) = pending.first_chunk::<HEADER_SIZE>() else { return Ok(false) };
        let header = CompressedHeader::decode(header);
        self.start += HEADER_SIZE;
        let length = to_usize(header.length);
        let stored = header.is_stored();
        let plain_length = if stored { length } else { to_usize(header.plain_length) };
        let misplaced = match header.sequence == self.due {
            true => None,
            false => {
                // Only an error report may have a wrong id (F-06).
                let kind = Kind::OutOfOrder { expected: self.due, found: header.sequence };
                if in_packet || plain_length == 0 || plain_length > MAX_MISPLACED {
                    return Err(kind.into());
                }
                Some((kind, vec![0; plain_length]))
            }
        };
        self.due = header.sequence.wrapping_add(1);
        if plain_length == 0 {
            self.empty_frames += 1;
            return match self.empty_frames > MAX_EMPTY {
                true => Err(Kind::Compressed(BadFrame::Empty).into()),
                false => Ok(true),
            };
        }
        self.empty_frames = 0;
        if !stored {
            let algorithm = self.algorithm;
            self.inflater.get_or_insert_with(|| Inflater::new(algorithm)).reset();
        }
        let frame = Frame { body_left: length, plain_left: plain_length, stored, misplaced };
        self.frame = Some(frame);
        Ok(true)
    }

    /// The frame's data are over: it has to be, too.
    fn end_frame(&mut self) -> Result<(), Fault> {
        let Some(frame) = self.frame.take() else { return Ok(()) };
        if frame.plain_left > 0 {
            return Err(Kind::Compressed(BadFrame::Shorter).into());
        }
        if frame.body_left > 0 {
            return Err(Kind::Compressed(BadFrame::TrailingBytes).into());
        }
        match frame.misplaced {
            None => Ok(()),
            Some((kind, packets)) => Err(match error_report(&packets) {
                Some(payload) => Fault::MisplacedError(payload.to_vec()),
                None => kind.into(),
            }),
        }
    }

    // What goes.

    /// Makes frames of everything in `plain`.
    fn deflate(&mut self, plain: &mut SendBuf) {
        let secret = plain.is_secret();
        if secret {
            let len = plain.pending().len();
            let frames = len.div_ceil(MAX_SENT.min(MAX_FRAME));
            self.outgoing.mark_secret(len + frames * HEADER_SIZE);
        }
        for part in plain.pending().chunks(MAX_SENT.min(MAX_FRAME)) {
            let (sequence, length) = (self.sequence, part.len());
            self.sequence = sequence.wrapping_add(1);
            let out = self.outgoing.buffer();
            let start = out.len();
            out.extend_from_slice(&[0; HEADER_SIZE]);
            // A secret is not for the compressor, which would keep a copy (T-81).
            let shorter = !secret && length >= self.options.threshold && {
                let (algorithm, level) = (self.algorithm, self.options.level);
                let new = || Deflater::new(algorithm, level);
                self.deflater.get_or_insert_with(new).deflate(part, out)
            };
            if !shorter {
                out.truncate(start + HEADER_SIZE);
                out.extend_from_slice(part);
            }
            let header = CompressedHeader {
                length: to_u32(out.len() - start - HEADER_SIZE),
                sequence,
                plain_length: if shorter { to_u32(length) } else { 0 },
            };
            if let Some(place) = out.get_mut(start..).and_then(|frame| frame.first_chunk_mut()) {
                *place = header.encode();
            }
        }
        let len = plain.pending().len();
        plain.sent(len);
    }
}

impl Connection {
    /// The login is over: frames begin, if they were agreed on.
    pub(super) fn begin_compression(&mut self, options: CompressionOptions) {
        let algorithm = match self.compression() {
            // A new login on the same connection changes nothing (F-44).
            Some(algorithm) if self.compress.is_none() => algorithm,
            _ => return,
        };
        let mut compress = Compress::new(algorithm, options, self.recv.pending());
        self.recv.begin_frames();
        // Whatever of the login is not sent yet goes out as it is.
        std::mem::swap(&mut compress.outgoing, &mut self.send);
        self.compress = Some(Box::new(compress));
    }

    /// Takes bytes out of the frames that are here; `false` if there are none.
    pub(super) fn pull_frames(&mut self) -> Result<bool, Fault> {
        while !self.inflate()? {
            if !self.pull_records()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn inflate(&mut self) -> Result<bool, Fault> {
        self.compress.as_mut().map_or(Ok(false), |compress| compress.inflate(&mut self.recv))
    }

    /// Takes bytes of frames out of TLS; `false` if there are none.
    #[cfg(feature = "tls")]
    fn pull_records(&mut self) -> Result<bool, Fault> {
        let (Some(tls), Some(compress)) = (&mut self.tls, &mut self.compress) else {
            return Ok(false);
        };
        compress.make_room();
        let progress = tls.decrypt(&mut **compress)?;
        if tls.is_closed() {
            self.ended = true;
        }
        Ok(progress)
    }

    #[cfg(not(feature = "tls"))]
    fn pull_records(&mut self) -> Result<bool, Fault> {
        Ok(false)
    }

    /// Makes frames of what was written, if there are to be any: with the ids of a new command, or
    /// with those that follow in the exchange.
    pub(super) fn frame(&mut self, command: bool) {
        let Some(compress) = &mut self.compress else { return };
        compress.sequence = if command { 0 } else { compress.due };
        compress.deflate(&mut self.send);
        if !command {
            compress.due = compress.sequence;
        }
    }

    /// The id that a command's reply begins with: that of its first frame, or of its first packet.
    pub(super) fn reply_sequence(&self, packet: u8) -> u8 {
        self.compress.as_ref().map_or(packet, |compress| compress.sequence)
    }

    /// A reply begins with the id of [`reply_sequence`](Self::reply_sequence).
    pub(super) fn begin_reply(&mut self, sequence: u8) {
        match &mut self.compress {
            Some(compress) => compress.begin_reply(sequence, !self.recv.pending().is_empty()),
            None => self.recv.set_sequence(sequence),
        }
    }

    /// Bytes inflated so far: what a server made us work through, however little it sent.
    #[must_use]
    pub fn inflated(&self) -> u64 {
        self.compress.as_ref().map_or(0, |compress| compress.inflated)
    }
}

/// The stored frame's turn of [`Inflater::inflate`].
fn copy(body: &[u8], out: &mut [u8], body_left: usize) -> Inflated {
    let len = body.len().min(out.len());
    if let (Some(to), Some(from)) = (out.get_mut(..len), body.get(..len)) {
        to.copy_from_slice(from);
    }
    Inflated { taken: len, made: len, ended: Ok(len == body_left) }
}

/// The payload of the ERR packet that `packets` begins with, if it does.
fn error_report(packets: &[u8]) -> Option<&[u8]> {
    let (&header, rest) = packets.split_first_chunk::<{ packet::HEADER_SIZE }>()?;
    let payload = rest.get(..to_usize(PacketHeader::decode(header).length))?;
    (payload.first() == Some(&reply::ERR)).then_some(payload)
}

fn to_usize(length: u32) -> usize {
    // 24 bits fit into every usize that this crate runs on.
    usize::try_from(length).unwrap_or(usize::MAX)
}

fn to_u32(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
