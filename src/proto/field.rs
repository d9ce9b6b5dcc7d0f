//! A row value by value and piece by piece, so that neither has to fit into memory.

use super::Fault;
use super::connection::{Connection, Outcome, Step};
use super::recv::{Body, Span};
use crate::error::ProtocolErrorKind as Kind;
use crate::value::Format;
use crate::wire::binary_row::{Layout, ROW, bitmap_len, is_null};
use crate::wire::{DecodeError, Malformed};

const MESSAGE: &str = "row";

/// The longest form of a value's length, in bytes.
const LONGEST_LENGTH: usize = 9;

/// A walk through a row while it arrives.
///
/// ```text
///            binary                      a value begins: Step::Field
///   Head ────────────▶ Next ──▶ Length ──────────────────▶ Value ──▶ Step::Chunk …
///     text │            ▲ │ NULL, fixed width                │
///          └───────────▶┘ └─────────────▶────────────────────┤
///                       └────────────────────◀───────────────┘
///                     behind the last value: Step::RowEnd
/// ```
#[derive(Debug)]
pub(super) struct FieldWalk {
    /// The row as a whole, if it was here; otherwise it is taken from the window as it arrives.
    here: Option<Span>,
    place: Place,
    /// A length or the NULL bitmap, as far as it is here.
    head: Vec<u8>,
    /// The column whose value is next, or in progress.
    index: usize,
    /// The bytes of the value in progress that are still due.
    left: u64,
    /// The length of the value in progress; `None` is NULL.
    length: Option<u64>,
    /// What is left of the value in progress is dropped.
    dropping: bool,
    /// The last piece.
    chunk: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// The NULL bitmap of a binary row is due.
    Head,
    /// A value begins, or the row ends.
    Next,
    /// The length of a value is due.
    Length,
    Value,
}

/// A value that begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldHead {
    /// The column's place, from 0.
    pub index: usize,
    /// The value's length in bytes; `None` is NULL.
    pub length: Option<u64>,
}

impl FieldWalk {
    pub(super) fn new(format: Format, here: Option<Span>) -> Self {
        let place = match format {
            Format::Text => Place::Next,
            Format::Binary => Place::Head,
        };
        Self {
            here,
            place,
            head: Vec::new(),
            index: 0,
            left: 0,
            length: None,
            dropping: false,
            chunk: Span::default(),
        }
    }

    /// How many bytes of a row tell of its first value, at most.
    pub(super) fn head_len(connection: &Connection) -> usize {
        match connection.format() {
            Format::Text => LONGEST_LENGTH,
            Format::Binary => 1 + bitmap_len(connection.columns.len()) + LONGEST_LENGTH,
        }
    }

    /// Goes on as far as the input brings it.
    pub(super) fn advance(&mut self, connection: &mut Connection) -> Result<Outcome, Fault> {
        self.chunk = Span::default();
        loop {
            let outcome = match self.place {
                Place::Head => self.read_head(connection)?,
                Place::Next => self.begin_value(connection)?,
                Place::Length => self.read_length(connection)?,
                Place::Value => self.read_value(connection)?,
            };
            if let Some(step) = outcome {
                return Ok(Outcome::Step(step));
            }
        }
    }

    fn read_head(&mut self, connection: &mut Connection) -> Result<Option<Step>, Fault> {
        let wanted = 1 + bitmap_len(connection.columns.len());
        if !self.collect(connection, wanted)? {
            return Ok(Some(Step::NeedInput));
        }
        match self.head.first() {
            Some(&ROW) => {}
            _ => return Err(malformed(Malformed::Field("header"))),
        }
        self.place = Place::Next;
        Ok(None)
    }

    fn begin_value(&mut self, connection: &mut Connection) -> Result<Option<Step>, Fault> {
        let Some(info) = connection.columns.infos().get(self.index) else {
            return match self.take(connection, 1)? {
                Body::Waiting => Ok(Some(Step::NeedInput)),
                Body::End => Ok(Some(Step::RowEnd)),
                Body::Bytes(_) | Body::LikeTerminator => Err(malformed(Malformed::TrailingBytes)),
            };
        };
        if connection.format() == Format::Text {
            self.head.clear();
            self.place = Place::Length;
            return Ok(None);
        }
        // The bitmap stands behind the row's first byte.
        if self.head.get(1..).is_some_and(|bitmap| is_null(bitmap, self.index)) {
            return Ok(Some(self.begin(None)));
        }
        match info.layout {
            Layout::Fixed(length) => Ok(Some(self.begin(Some(u64::from(length))))),
            Layout::Temporal | Layout::LengthEncoded => {
                self.place = Place::Length;
                Ok(None)
            }
            Layout::Nothing => Ok(Some(self.begin(None))),
            Layout::Unknown => Err(malformed(Malformed::Field("column type"))),
        }
    }

    fn read_length(&mut self, connection: &mut Connection) -> Result<Option<Step>, Fault> {
        // In binary rows the bitmap is in front, and stays.
        let before = match connection.format() {
            Format::Text => 0,
            Format::Binary => 1 + bitmap_len(connection.columns.len()),
        };
        if !self.collect(connection, before + 1)? {
            return Ok(Some(Step::NeedInput));
        }
        let first = self.head.get(before).copied().unwrap_or_default();
        let temporal = connection
            .columns
            .infos()
            .get(self.index)
            .is_some_and(|info| before > 0 && info.layout == Layout::Temporal);
        let size = match first {
            _ if temporal => 0,
            0..=0xFA => 0,
            0xFB if before == 0 => return Ok(Some(self.begin(None))),
            0xFC => 2,
            0xFD => 3,
            0xFE => 8,
            byte => return Err(malformed(Malformed::LengthPrefix(byte))),
        };
        if !self.collect(connection, before + 1 + size)? {
            return Ok(Some(Step::NeedInput));
        }
        let digits = self.head.get(before + 1..).unwrap_or_default();
        let length = match size {
            0 => u64::from(first),
            _ => digits.iter().rev().fold(0, |length, &byte| length << 8 | u64::from(byte)),
        };
        self.head.truncate(before);
        Ok(Some(self.begin(Some(length))))
    }

    fn read_value(&mut self, connection: &mut Connection) -> Result<Option<Step>, Fault> {
        if self.left == 0 {
            self.index += 1;
            self.place = Place::Next;
            return Ok(None);
        }
        match self.take(connection, usize::try_from(self.left).unwrap_or(usize::MAX))? {
            Body::Waiting => Ok(Some(Step::NeedInput)),
            Body::Bytes(span) => {
                self.left -= u64::try_from(span.len).unwrap_or(self.left);
                if self.dropping {
                    return Ok(None);
                }
                self.chunk = span;
                Ok(Some(Step::Chunk))
            }
            Body::End | Body::LikeTerminator => Err(malformed(Malformed::Truncated)),
        }
    }

    fn begin(&mut self, length: Option<u64>) -> Step {
        self.length = length;
        self.left = length.unwrap_or(0);
        // Who dropped the one before may have said so while this one's length was due.
        self.dropping = false;
        self.place = Place::Value;
        Step::Field
    }

    /// Fills `head` up to `wanted` bytes; `false` if they are not all here yet.
    fn collect(&mut self, connection: &mut Connection, wanted: usize) -> Result<bool, Fault> {
        while self.head.len() < wanted {
            match self.take(connection, wanted - self.head.len())? {
                Body::Waiting => return Ok(false),
                Body::Bytes(span) => self.head.extend_from_slice(connection.recv.bytes(span)),
                Body::End | Body::LikeTerminator => return Err(malformed(Malformed::Truncated)),
            }
        }
        Ok(true)
    }

    /// The row's next bytes, at most `max`.
    fn take(&mut self, connection: &mut Connection, max: usize) -> Result<Body, Fault> {
        let Some(here) = &mut self.here else { return connection.recv.body(max) };
        let len = here.len.min(max);
        if len == 0 {
            return Ok(Body::End);
        }
        let span = Span { start: here.start, len };
        here.start += len;
        here.len -= len;
        Ok(Body::Bytes(span))
    }

    /// Whether the row was here as a whole: then what is left of it needs no dropping.
    pub(super) fn is_here(&self) -> bool {
        self.here.is_some()
    }

    /// What is left of a row that was here as a whole. It has to stay while the window moves.
    pub(super) fn here_mut(&mut self) -> Option<&mut Span> {
        self.chunk = Span::default();
        self.here.as_mut()
    }

    pub(super) fn head(&self) -> FieldHead {
        FieldHead { index: self.index, length: self.length }
    }

    pub(super) fn left(&self) -> u64 {
        self.left
    }

    pub(super) fn chunk(&self) -> Span {
        self.chunk
    }

    pub(super) fn drop_value(&mut self) {
        self.dropping = true;
    }
}

fn malformed(malformed: Malformed) -> Fault {
    Kind::Malformed(DecodeError::new(MESSAGE, malformed)).into()
}
