//! The receive window: bytes as they came, and the packets found in them.

use super::Fault;
use crate::columns::Columns;
use crate::error::ProtocolErrorKind as Kind;
use crate::value::Format;
use crate::wire::packet::{HEADER_SIZE, MAX_CHUNK};
use crate::wire::{OkPacket, PacketHeader, TextRow, reply};

/// The window of a connection that has nothing to read, in bytes: small, for there can be
/// thousands of them.
const BASE_WINDOW: usize = 16 << 10;

/// The window of a hot stream, in bytes: reads of 64 KiB and more, and still in a core's cache.
const HOT_WINDOW: usize = 128 << 10;

/// The least space that a read of a hot stream is offered, in bytes.
const HOT_READ: usize = 64 << 10;

/// How many reads in a row must have done without a larger window before it is given back, so that
/// a stream of large rows does not grow and shrink the window for each.
const READS_BEFORE_SHRINKING: u8 = 16;

/// One initialised buffer: `[start, end)` is received and not consumed.
///
/// ```text
///   0          start              end             buf.len()
///   | consumed | header | payload |     spare     |
/// ```
///
/// A packet's header stays in front of its payload while the payload arrives. The headers of
/// continuation packets are squeezed out as they are met, so that a payload of any size is one
/// slice (F-02).
pub(super) struct Recv {
    buf: Vec<u8>,
    start: usize,
    end: usize,
    /// The sequence id that is due.
    sequence: u8,
    /// Whether ids have to be in order. Servers do not keep those within frames so (F-38).
    ordered: bool,
    /// The payload that is arriving, when its end was not here at the last look.
    partial: Option<Partial>,
    /// Whether the last read filled all the space that it was offered.
    filled: bool,
    /// Reads since the window was last as full as to need its size.
    calm_reads: u8,
    max_packet: usize,
}

impl std::fmt::Debug for Recv {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not what is in it: rows and what servers say of them (T-80).
        f.debug_struct("Recv")
            .field("pending", &(self.end - self.start))
            .field("sequence", &self.sequence)
            .finish_non_exhaustive()
    }
}

/// What tells a row of one packet from everything else at a glance.
#[derive(Clone, Copy)]
struct PlainRows {
    format: Format,
    /// The longest payload that is one packet and within the limit.
    longest: usize,
}

impl PlainRows {
    /// The length of the payload at the beginning of `bytes`, if it is here as a whole, has this
    /// sequence id, and begins as nothing but a row does.
    #[inline(always)]
    fn len(self, bytes: &[u8], sequence: u8) -> Option<usize> {
        let (header, payload) = bytes.split_first_chunk::<HEADER_SIZE>()?;
        let header = PacketHeader::decode(*header);
        let len = length_of(header);
        let first = *payload.first()?;
        let is_row = match self.format {
            Format::Text => self.format.starts_row(first),
            // The shortest OK packets look like rows.
            Format::Binary => self.format.starts_row(first) && len != OkPacket::SHORTEST,
        };
        let is_here = len.wrapping_sub(1) < self.longest && len <= payload.len();
        (is_row && is_here && header.sequence == sequence).then_some(len)
    }
}

/// A payload of which a part is here.
#[derive(Clone, Copy, Debug)]
struct Partial {
    /// The payload of finished chunks that is kept in the window, in bytes.
    kept: usize,
    /// The chunk that is arriving; `None` when its header is due.
    chunk: Option<Chunk>,
    /// The length of all chunks so far, the arriving one included, in bytes.
    total: usize,
    /// Whether the payload is taken in pieces as it arrives.
    streamed: bool,
    /// Whether it starts as a terminator does.
    like_terminator: bool,
}

#[derive(Clone, Copy, Debug)]
struct Chunk {
    /// Bytes of it that are still due, for payloads taken in pieces; its length otherwise.
    length: usize,
    /// Whether the payload goes on behind it.
    continued: bool,
}

/// Where a payload stands in the window. Valid until the next packet is looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) len: usize,
}

/// What the next packet of a result turned out to be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Arrival {
    /// A row, to be taken in pieces.
    Row,
    /// Anything else, or a row that is here as a whole.
    Packet(Span),
}

/// A piece of a row.
#[derive(Clone, Copy, Debug)]
pub(super) enum Body {
    /// The next bytes are not here yet.
    Waiting,
    Bytes(Span),
    /// The row is over.
    End,
    /// See [`Skipped::LikeTerminator`].
    LikeTerminator,
}

/// What a packet of a result that is being skipped turned out to be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Skipped {
    /// A row, which is gone.
    Row,
    /// A packet of the greatest length that still is a terminator by its length, if the connection
    /// ends rows with OK packets. It is gone.
    LikeTerminator,
    /// Something to look at: the terminator, an error, or nonsense.
    Packet(Span),
}

impl Recv {
    /// An empty window for payloads of at most `max_packet` bytes.
    pub(super) fn new(max_packet: usize) -> Self {
        Self {
            buf: vec![0; BASE_WINDOW],
            start: 0,
            end: 0,
            sequence: 0,
            ordered: true,
            partial: None,
            filled: false,
            calm_reads: 0,
            max_packet,
        }
    }

    /// From now on what comes was in compressed frames; what is pending is one, and gone.
    #[cfg(feature = "compress")]
    pub(super) fn begin_frames(&mut self) {
        self.ordered = false;
        self.start = 0;
        self.end = 0;
    }

    pub(super) fn set_max_packet(&mut self, bytes: usize) {
        self.max_packet = bytes;
    }

    /// Whether there is no space to read into.
    pub(super) fn is_full(&self) -> bool {
        self.end == self.buf.len()
    }

    /// Space to read into. Not empty after [`make_room`](Self::make_room).
    pub(super) fn spare(&mut self) -> &mut [u8] {
        self.buf.get_mut(self.end..).unwrap_or_default()
    }

    /// [`spare`](Self::spare) for a read that costs the same however much it asks for: of a large
    /// payload it takes no more than the rest and the header behind it. So the next one begins at
    /// the window's start, and none of them is moved.
    pub(super) fn spare_for_read(&mut self) -> &mut [u8] {
        let due = self.due_of_large();
        let spare = self.spare();
        let len = due.map_or(spare.len(), |due| due.min(spare.len()));
        spare.get_mut(..len).unwrap_or_default()
    }

    /// What is due of a large chunk that is arriving, and of the header behind it.
    fn due_of_large(&self) -> Option<usize> {
        let partial = self.partial.filter(|partial| !partial.streamed)?;
        let chunk = partial.chunk.filter(|chunk| chunk.length >= HOT_READ)?;
        let end = self.start + HEADER_SIZE + partial.kept + chunk.length;
        Some((end + HEADER_SIZE).saturating_sub(self.end)).filter(|&due| due > HEADER_SIZE)
    }

    /// Takes the first `n` bytes of the spare space as received.
    pub(super) fn received(&mut self, n: usize) {
        let spare = self.buf.len() - self.end;
        self.filled = n >= spare;
        self.end += n.min(spare);
    }

    /// The bytes received and not consumed.
    pub(super) fn pending(&self) -> &[u8] {
        self.buf.get(self.start..self.end).unwrap_or_default()
    }

    /// The bytes of a span.
    #[inline]
    pub(super) fn bytes(&self, span: Span) -> &[u8] {
        self.buf.get(span.start..span.start + span.len).unwrap_or_default()
    }

    /// Whether a part of a packet is here and its end is not.
    pub(super) fn in_packet(&self) -> bool {
        self.partial.is_some() || self.start < self.end
    }

    /// The sequence id that is due, which is also the next one to send within an exchange (F-05).
    pub(super) fn sequence(&self) -> u8 {
        self.sequence
    }

    pub(super) fn set_sequence(&mut self, sequence: u8) {
        self.sequence = sequence;
    }

    /// The next payload, if all of it is here.
    #[inline]
    pub(super) fn packet(&mut self) -> Result<Option<Span>, Fault> {
        if self.partial.is_none()
            && let Some((header, rest)) = self.pending().split_first_chunk::<HEADER_SIZE>()
        {
            let header = PacketHeader::decode(*header);
            let len = length_of(header);
            if len <= rest.len()
                && len <= self.max_packet
                && header.sequence == self.sequence
                && !header.is_continued()
            {
                let span = Span { start: self.start + HEADER_SIZE, len };
                self.start = span.start + len;
                self.sequence = self.sequence.wrapping_add(1);
                return Ok(Some(span));
            }
        }
        self.arriving_packet()
    }

    /// The next payload, if all of it is here and it begins as nothing but a row does.
    #[inline(always)]
    pub(super) fn row(&mut self, format: Format) -> Option<Span> {
        if self.partial.is_some() {
            return None;
        }
        let len = self.plain_rows(format).len(self.pending(), self.sequence)?;
        let span = Span { start: self.start + HEADER_SIZE, len };
        self.start = span.start + len;
        self.sequence = self.sequence.wrapping_add(1);
        Some(span)
    }

    #[inline(always)]
    fn plain_rows(&self, format: Format) -> PlainRows {
        PlainRows { format, longest: self.max_packet.min(MAX_CHUNK - 1) }
    }

    /// The packets behind the current row that are complete rows too: where they stand, and how
    /// many they are. They are consumed.
    ///
    /// Whatever is not plainly a row ends the batch and is left for [`packet`](Self::packet).
    pub(super) fn more_rows(&mut self, format: Format, columns: &Columns) -> (Span, usize) {
        let from = self.start;
        let mut rows = 0;
        loop {
            let plain = self.plain_rows(format);
            let mut rest = self.pending();
            let mut sequence = self.sequence;
            while let Some(len) = plain.len(rest, sequence) {
                rest = rest.get(HEADER_SIZE + len..).unwrap_or_default();
                sequence = sequence.wrapping_add(1);
                rows += 1;
            }
            (self.start, self.sequence) = (self.end - rest.len(), sequence);
            if !self.row_like_ok(format, columns) {
                break;
            }
            rows += 1;
        }
        (Span { start: from, len: self.start - from }, rows)
    }

    /// Takes the next payload if all of it is here and it is a row all the same as it starts like an
    /// OK packet: a text row whose first value is empty, or a short binary row.
    #[inline(never)]
    fn row_like_ok(&mut self, format: Format, columns: &Columns) -> bool {
        let Some((header, rest)) = self.pending().split_first_chunk::<HEADER_SIZE>() else {
            return false;
        };
        let header = PacketHeader::decode(*header);
        let len = length_of(header);
        let is_row = rest.first() == Some(&reply::OK)
            && len <= self.max_packet
            && header.sequence == self.sequence
            && !header.is_continued()
            && rest.get(..len).is_some_and(|row| match format {
                Format::Text => TextRow::decode(row, columns.len()).is_ok(),
                Format::Binary => row.len() == OkPacket::SHORTEST && !columns.is_no_binary_row(row),
            });
        if is_row {
            self.start += HEADER_SIZE + len;
            self.sequence = self.sequence.wrapping_add(1);
        }
        is_row
    }

    /// The general case of [`packet`](Self::packet): a payload that is not here as a whole, of
    /// several chunks, or with something wrong.
    #[cold]
    #[inline(never)]
    fn arriving_packet(&mut self) -> Result<Option<Span>, Fault> {
        loop {
            let partial = match self.partial {
                None => {
                    let Some(header) = self.header_at(self.start) else { return Ok(None) };
                    if !self.check_sequence(header)? {
                        return Ok(None);
                    }
                    let total = self.check_length(0, header)?;
                    Partial::new(header, total)
                }
                Some(partial) => partial,
            };
            self.partial = Some(partial);
            let body = self.start + HEADER_SIZE;
            let Some(chunk) = partial.chunk else {
                let Some(header) = self.header_at(body + partial.kept) else { return Ok(None) };
                if !self.check_sequence(header)? {
                    return Ok(None);
                }
                let total = self.check_length(partial.total, header)?;
                self.squeeze(body + partial.kept);
                self.partial = Some(Partial { chunk: Some(Chunk::new(header)), total, ..partial });
                continue;
            };
            if self.end - body < partial.kept + chunk.length {
                return Ok(None);
            }
            let kept = partial.kept + chunk.length;
            if chunk.continued {
                self.partial = Some(Partial { kept, chunk: None, ..partial });
                continue;
            }
            self.partial = None;
            self.start = body + kept;
            return Ok(Some(Span { start: body, len: kept }));
        }
    }

    /// The next packet of a result that is being skipped. Rows are dropped as they arrive, so that
    /// none has to fit into the window; everything else is returned.
    pub(super) fn skip_packet(&mut self, format: Format) -> Result<Option<Skipped>, Fault> {
        match self.stream_row(format)? {
            None => return Ok(None),
            Some(Arrival::Packet(span)) => return Ok(Some(Skipped::Packet(span))),
            Some(Arrival::Row) => {}
        }
        loop {
            match self.body(usize::MAX)? {
                Body::Waiting => return Ok(None),
                Body::Bytes(_) => {}
                Body::End => return Ok(Some(Skipped::Row)),
                Body::LikeTerminator => return Ok(Some(Skipped::LikeTerminator)),
            }
        }
    }

    /// The terminator that is the next packet or the one behind it, without taking anything;
    /// empty if neither is one.
    pub(super) fn terminator_ahead(&self) -> Option<&[u8]> {
        let mut at = self.start;
        let mut in_row = true;
        match self.partial {
            None => match self.terminator_at(at)? {
                [] => {}
                terminator => return Some(terminator),
            },
            Some(partial) => {
                // Its first header still stands in front of it unless it is taken in pieces.
                if !partial.streamed {
                    at = at.saturating_add(HEADER_SIZE).saturating_add(partial.kept);
                }
                if let Some(chunk) = partial.chunk {
                    at = at.saturating_add(chunk.length);
                    in_row = chunk.continued;
                }
            }
        }
        while in_row {
            // A row that is too long is refused when it is read.
            if at.saturating_sub(self.start) > self.max_packet {
                return Some(&[]);
            }
            let header = self.header_at(at)?;
            in_row = header.is_continued();
            at = at.saturating_add(HEADER_SIZE).saturating_add(length_of(header));
        }
        self.terminator_at(at)
    }

    /// The packet at a place, if it starts as a terminator does; empty if not.
    fn terminator_at(&self, at: usize) -> Option<&[u8]> {
        let length = length_of(self.header_at(at)?);
        let body = self.buf.get(at..self.end)?.get(HEADER_SIZE..)?;
        match body.first() {
            _ if length == 0 || length >= MAX_CHUNK => Some(&[]),
            Some(&reply::EOF) => body.get(..length),
            Some(_) => Some(&[]),
            None => None,
        }
    }

    /// Puts bytes in front of what comes, as if they had been received.
    #[cfg(any(feature = "tokio", feature = "blocking"))]
    pub(super) fn put_in_front(&mut self, bytes: &[u8]) {
        let pending = [bytes, self.pending()].concat();
        let size = self.buf.len().max(pending.len());
        self.resize(size);
        self.end = pending.len();
        if let Some(space) = self.buf.get_mut(..pending.len()) {
            space.copy_from_slice(&pending);
        }
    }

    /// Whether `len` bytes of the next payload are here, or all of it, or something is wrong with it
    /// that does not take more.
    pub(super) fn begins_with(&self, len: usize) -> bool {
        let Some(header) = self.header_at(self.start) else { return false };
        let known = self.partial.is_some();
        let wrong = !known && !self.is_next(header);
        let length = length_of(header);
        let here = self.end - self.start - HEADER_SIZE;
        wrong || length > self.max_packet || here >= length.min(len)
    }

    /// Begins to take the next packet in pieces, if it is a row; see [`body`](Self::body). A row of
    /// which a part was taken stays the next one. Everything else is returned whole, and so are
    /// short rows that do not start as one.
    pub(super) fn stream_row(&mut self, format: Format) -> Result<Option<Arrival>, Fault> {
        let Some(partial) = self.partial else {
            let Some(header) = self.header_at(self.start) else { return Ok(None) };
            let first = self.buf.get(self.start + HEADER_SIZE).copied();
            let first = first.filter(|_| self.start + HEADER_SIZE < self.end);
            let row = match first {
                _ if header.length == 0 => false,
                None => {
                    // Too long is too long, whatever it starts with.
                    if self.is_next(header) {
                        self.check_length(0, header)?;
                    }
                    return Ok(None);
                }
                // OK packets and terminators are never cut into chunks (F-10).
                Some(reply::OK | reply::EOF) if format == Format::Text => header.is_continued(),
                // A row may be an OK packet that the server took for its end.
                Some(_) if format == Format::Binary && length_of(header) == OkPacket::SHORTEST => {
                    false
                }
                Some(first) => format.starts_row(first),
            };
            if !row {
                return Ok(self.packet()?.map(Arrival::Packet));
            }
            self.check_sequence(header)?;
            let total = self.check_length(0, header)?;
            self.start += HEADER_SIZE;
            let like_terminator = first == Some(reply::EOF);
            let new = Partial::new(header, total);
            self.partial = Some(Partial { streamed: true, like_terminator, ..new });
            return Ok(Some(Arrival::Row));
        };
        if partial.streamed {
            return Ok(Some(Arrival::Row));
        }
        // It began to arrive as a whole: it is the next packet, or a row whose part that is here
        // is its first piece.
        let body = self.start + HEADER_SIZE;
        let Some(&first) = self.buf.get(body).filter(|_| body < self.end) else {
            return Ok(self.arriving_packet()?.map(Arrival::Packet));
        };
        let continued = partial.total >= MAX_CHUNK;
        let long_row = continued && format == Format::Text && first != reply::ERR;
        if !long_row && (!format.starts_row(first) || partial.total == OkPacket::SHORTEST) {
            return Ok(self.arriving_packet()?.map(Arrival::Packet));
        }
        self.start = body;
        // What is kept stands in front of the arriving chunk, without a header between.
        let chunk = match partial.chunk {
            Some(chunk) => Chunk { length: partial.kept + chunk.length, ..chunk },
            None => Chunk { length: partial.kept, continued: true },
        };
        let like_terminator = first == reply::EOF;
        let chunk = Some(chunk);
        self.partial = Some(Partial { kept: 0, chunk, streamed: true, like_terminator, ..partial });
        Ok(Some(Arrival::Row))
    }

    /// The next bytes of the row that is taken in pieces, at most `max`; they are consumed.
    pub(super) fn body(&mut self, max: usize) -> Result<Body, Fault> {
        loop {
            let Some(partial) = self.partial else { return Ok(Body::End) };
            let Some(chunk) = partial.chunk else {
                let Some(header) = self.header_at(self.start) else { return Ok(Body::Waiting) };
                if !self.check_sequence(header)? {
                    return Ok(Body::Waiting);
                }
                let total = self.check_length(partial.total, header)?;
                self.start += HEADER_SIZE;
                self.partial = Some(Partial { chunk: Some(Chunk::new(header)), total, ..partial });
                continue;
            };
            if chunk.length == 0 && chunk.continued {
                self.partial = Some(Partial { chunk: None, ..partial });
                continue;
            }
            if chunk.length == 0 {
                self.partial = None;
                let unlikely = partial.like_terminator && partial.total <= MAX_CHUNK;
                return Ok(if unlikely { Body::LikeTerminator } else { Body::End });
            }
            let len = chunk.length.min(self.end - self.start).min(max);
            if len == 0 {
                return Ok(Body::Waiting);
            }
            let span = Span { start: self.start, len };
            self.start += len;
            let chunk = Some(Chunk { length: chunk.length - len, ..chunk });
            self.partial = Some(Partial { chunk, ..partial });
            return Ok(Body::Bytes(span));
        }
    }

    /// Prepares for a read: afterwards there is spare space, and old spans are void.
    pub(super) fn make_room(&mut self) {
        let pending = self.end - self.start;
        let due = self.due_of_large();
        let hot = self.filled || self.buf.len() > BASE_WINDOW;
        let least = if hot { HOT_READ } else { BASE_WINDOW / 4 };
        if self.buf.len() > HOT_WINDOW {
            let calm = pending < HOT_READ && due.is_none();
            self.calm_reads = if calm { self.calm_reads + 1 } else { 0 };
            if self.calm_reads == READS_BEFORE_SHRINKING {
                self.resize(HOT_WINDOW);
            }
        }
        if pending == 0 {
            self.start = 0;
            self.end = 0;
        }
        // A payload that will not fit behind what is here is moved while it is small.
        if self.buf.len() - self.end >= due.unwrap_or(least) {
            return;
        }
        if self.start > 0 {
            self.buf.copy_within(self.start..self.end, 0);
            self.start = 0;
            self.end = pending;
        }
        if self.buf.len() - self.end < due.map_or(least, |due| due.min(least)) {
            // Doubling keeps the window below twice what was really received, apart from the first
            // step to a hot stream's.
            self.resize(self.buf.len().saturating_mul(2).max(HOT_WINDOW));
        }
    }

    /// [`make_room`](Self::make_room) that keeps what was consumed from `from` on; gives its new
    /// place.
    pub(super) fn make_room_behind(&mut self, from: usize) -> usize {
        let consumed = self.start - from;
        self.start = from;
        self.make_room();
        let from = self.start;
        self.start += consumed;
        from
    }

    /// Gives a large window back when nothing is under way.
    pub(super) fn rest(&mut self) {
        if self.in_packet() {
            return;
        }
        self.start = 0;
        self.end = 0;
        // How the last reply came says nothing of the next one.
        self.filled = false;
        if self.buf.len() > BASE_WINDOW {
            self.resize(BASE_WINDOW);
        }
    }

    /// Moves what is pending into a window of another size.
    fn resize(&mut self, size: usize) {
        let pending = self.end - self.start;
        let mut buf = vec![0; size];
        if let Some(space) = buf.get_mut(..pending) {
            space.copy_from_slice(self.pending());
        }
        self.buf = buf;
        self.start = 0;
        self.end = pending;
        self.calm_reads = 0;
        self.filled = false;
    }

    fn header_at(&self, at: usize) -> Option<PacketHeader> {
        let bytes = self.buf.get(at..self.end)?.first_chunk::<HEADER_SIZE>()?;
        Some(PacketHeader::decode(*bytes))
    }

    fn is_next(&self, header: PacketHeader) -> bool {
        !self.ordered || header.sequence == self.sequence
    }

    /// Counts the header's sequence id. `false` if it is wrong and too little of the packet is here
    /// to tell whether it is an error report, the one packet whose id may be wrong (F-06).
    fn check_sequence(&mut self, header: PacketHeader) -> Result<bool, Fault> {
        if self.is_next(header) {
            self.sequence = header.sequence.wrapping_add(1);
            return Ok(true);
        }
        let out_of_order = Kind::OutOfOrder { expected: self.sequence, found: header.sequence };
        if self.partial.is_some() || header.length == 0 {
            return Err(out_of_order.into());
        }
        let payload = self.buf.get(self.start + HEADER_SIZE..self.end).unwrap_or_default();
        match payload.first() {
            None => Ok(false),
            // An error report is short: a longer one with a wrong id is not waited for, and not
            // taken either if it happens to be here.
            Some(&reply::ERR) if length_of(header) < BASE_WINDOW / 2 => {
                match payload.get(..length_of(header)) {
                    Some(payload) => Err(Fault::MisplacedError(payload.to_vec())),
                    None => Ok(false),
                }
            }
            Some(_) => Err(out_of_order.into()),
        }
    }

    /// Adds the header's length to `total`, unless that exceeds the limit. Checked before the
    /// chunk is waited for (T-32).
    fn check_length(&self, total: usize, header: PacketHeader) -> Result<usize, Fault> {
        let total = total.saturating_add(length_of(header));
        if total > self.max_packet {
            let value = u64::try_from(self.max_packet).unwrap_or(u64::MAX);
            return Err(Kind::Limit { limit: "max_packet", value }.into());
        }
        Ok(total)
    }

    /// Removes the continuation header at `at`.
    fn squeeze(&mut self, at: usize) {
        self.buf.copy_within(at + HEADER_SIZE..self.end, at);
        self.end -= HEADER_SIZE;
    }
}

impl Partial {
    /// A payload of which the first header was read.
    fn new(header: PacketHeader, total: usize) -> Self {
        let chunk = Some(Chunk::new(header));
        Self { kept: 0, chunk, total, streamed: false, like_terminator: false }
    }
}

impl Chunk {
    fn new(header: PacketHeader) -> Self {
        Self { length: length_of(header), continued: header.is_continued() }
    }
}

#[inline]
fn length_of(header: PacketHeader) -> usize {
    // 24 bits fit into every usize that this crate runs on.
    usize::try_from(header.length).unwrap_or(usize::MAX)
}
