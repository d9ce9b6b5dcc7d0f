//! CSV, record by record: what RFC 4180 says, with line breaks of either kind.
//!
//! A reader of its own because it has to tell a value in quotes from one without: only the second
//! kind can be NULL.

use std::fmt;
use std::io::{self, Read};

/// How many bytes are asked for at once.
const PIECE: usize = 64 << 10;

/// Most bytes in a record, far above what a server takes in one (1 GiB at most, 64 MiB by default in
/// MySQL): a quote that is never closed must not read the whole file into memory.
const MAX_RECORD: usize = 256 << 20;

/// Most values in a record: four times the columns that a table can have.
const MAX_VALUES: usize = 4 * 4096;

/// Records of a reader, one at a time.
pub(crate) struct Records<R> {
    input: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    bytes: u64,
    null: Vec<u8>,
    /// The values of the record, one behind the other.
    text: Vec<u8>,
    values: Vec<Value>,
    line: u64,
    /// The line that the record began at.
    begun_at: u64,
}

/// Where a value ends in the text of its record.
#[derive(Clone, Copy)]
struct Value {
    end: usize,
    quoted: bool,
}

/// Why there is no further record.
#[derive(Debug)]
pub(crate) enum CsvError {
    Io(io::Error),
    /// A value in quotes goes on behind its closing quote.
    BehindQuote(u64),
    /// A quote stands in a value that does not begin with one.
    StrayQuote(u64),
    Unclosed(u64),
    TooLong(u64),
    NoHeader,
    NotUtf8,
}

impl fmt::Display for CsvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "cannot read the file: {error}"),
            Self::BehindQuote(line) => write!(
                f,
                "line {line}: something stands behind a closing quote; a quote in a value is \
                 written twice"
            ),
            Self::StrayQuote(line) => write!(
                f,
                "line {line}: a quote stands in a value without quotes; put the value in quotes and \
                 write the quote twice"
            ),
            Self::Unclosed(line) => {
                write!(f, "line {line}: the quote that opens a value is never closed")
            }
            Self::TooLong(line) => write!(
                f,
                "line {line}: a record of more than {} MiB or {MAX_VALUES} values; a quote may not \
                 have been closed",
                MAX_RECORD >> 20
            ),
            Self::NoHeader => {
                f.write_str("the file is empty; --no-header says that it has no line with names")
            }
            Self::NotUtf8 => f.write_str("line 1: the names of the columns are not UTF-8"),
        }
    }
}

/// Where in a record the reader is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the beginning of a value.
    Start,
    Plain,
    Quoted,
    /// Behind a quote in a value in quotes, which closes it or is the first of two.
    Quote,
}

impl<R: Read> Records<R> {
    pub(crate) fn new(input: R, null: &[u8]) -> Self {
        Self {
            input,
            buffer: vec![0; PIECE],
            start: 0,
            end: 0,
            bytes: 0,
            null: null.to_owned(),
            text: Vec::new(),
            values: Vec::new(),
            line: 1,
            begun_at: 1,
        }
    }

    /// The line at which the last record began, from 1.
    pub(crate) const fn begun_at(&self) -> u64 {
        self.begun_at
    }

    /// How many bytes were taken from the reader.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The names in the first line.
    pub(crate) fn header(&mut self) -> Result<Vec<String>, CsvError> {
        if !self.read()? {
            return Err(CsvError::NoHeader);
        }
        let names = self.values().map(|name| String::from_utf8(name.unwrap_or_default().to_vec()));
        names.collect::<Result<_, _>>().map_err(|_| CsvError::NotUtf8)
    }

    /// The values of the record that was read last; `None` is NULL.
    pub(crate) fn values(&self) -> impl ExactSizeIterator<Item = Option<&[u8]>> {
        let mut start = 0;
        self.values.iter().map(move |value| {
            let text = self.text.get(start..value.end).unwrap_or_default();
            start = value.end;
            (value.quoted || text != self.null).then_some(text)
        })
    }

    /// Whether the last record is an empty line: nothing, or one value that is.
    pub(crate) fn is_empty_line(&self) -> bool {
        self.text.is_empty() && matches!(*self.values, [Value { quoted: false, .. }])
    }

    /// Reads the next record; `false` if there is none.
    pub(crate) fn read(&mut self) -> Result<bool, CsvError> {
        self.text.clear();
        self.values.clear();
        self.begun_at = self.line;
        let mut place = Place::Start;
        loop {
            if self.start == self.end && !self.fill().map_err(CsvError::Io)? {
                return self.finish(place);
            }
            let piece = self.buffer.get(self.start..self.end).unwrap_or_default();
            // What needs no look is taken at once.
            let plain = match place {
                Place::Quoted => piece.iter().position(|&byte| byte == b'"' || byte == b'\n'),
                Place::Plain | Place::Start => {
                    piece.iter().position(|byte| b",\n\"".contains(byte))
                }
                Place::Quote => Some(0),
            };
            let (taken, byte) = match plain {
                Some(at) => (at, piece.get(at).copied()),
                None => (piece.len(), None),
            };
            if taken > 0 {
                self.text.extend_from_slice(piece.get(..taken).unwrap_or_default());
                if place == Place::Start {
                    place = Place::Plain;
                }
            }
            self.start += taken + usize::from(byte.is_some());
            if self.text.len() > MAX_RECORD || self.values.len() > MAX_VALUES {
                return Err(CsvError::TooLong(self.begun_at));
            }
            let Some(byte) = byte else { continue };
            self.line += u64::from(byte == b'\n');
            place = match (place, byte) {
                (Place::Start, b'"') => Place::Quoted,
                (Place::Plain, b'"') => return Err(CsvError::StrayQuote(self.line)),
                (Place::Quoted, b'"') => Place::Quote,
                (Place::Quoted, byte) => {
                    self.text.push(byte);
                    Place::Quoted
                }
                (Place::Quote, b'"') => {
                    self.text.push(b'"');
                    Place::Quoted
                }
                (place, b',') => {
                    self.end_value(place);
                    Place::Start
                }
                (Place::Plain, _) => {
                    // The carriage return of the line's end came with the value.
                    if self.text.ends_with(b"\r") {
                        self.text.pop();
                    }
                    self.end_value(place);
                    return Ok(true);
                }
                (Place::Start | Place::Quote, b'\n') => {
                    self.end_value(place);
                    return Ok(true);
                }
                (Place::Quote, b'\r') => {
                    return match self.next_byte()? {
                        Some(b'\n') | None => {
                            self.line += 1;
                            self.end_value(Place::Quote);
                            Ok(true)
                        }
                        Some(_) => Err(CsvError::BehindQuote(self.line)),
                    };
                }
                (Place::Start | Place::Quote, _) => return Err(CsvError::BehindQuote(self.line)),
            };
        }
    }

    fn end_value(&mut self, place: Place) {
        self.values.push(Value { end: self.text.len(), quoted: place == Place::Quote });
    }

    /// The file ends here.
    fn finish(&mut self, place: Place) -> Result<bool, CsvError> {
        match place {
            Place::Start if self.values.is_empty() => return Ok(false),
            Place::Quoted => return Err(CsvError::Unclosed(self.begun_at)),
            Place::Start | Place::Plain | Place::Quote => self.end_value(place),
        }
        Ok(true)
    }

    fn next_byte(&mut self) -> Result<Option<u8>, CsvError> {
        if self.start == self.end && !self.fill().map_err(CsvError::Io)? {
            return Ok(None);
        }
        let byte = self.buffer.get(self.start).copied();
        self.start += 1;
        Ok(byte)
    }

    /// Reads more; `false` at the end.
    fn fill(&mut self) -> io::Result<bool> {
        const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
        let is_first = self.bytes == 0;
        self.start = 0;
        self.end = loop {
            match self.input.read(&mut self.buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.bytes += u64::try_from(self.end).unwrap_or(u64::MAX);
        let piece = self.buffer.get(..self.end).unwrap_or_default();
        if is_first && piece.starts_with(BYTE_ORDER_MARK) {
            self.start = BYTE_ORDER_MARK.len();
            return Ok(self.start < self.end || self.fill()?);
        }
        Ok(self.end > 0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A reader that gives `size` bytes at a time.
    struct Pieces<'a>(&'a [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let size = self.1.min(self.0.len()).min(buffer.len());
            let (piece, rest) = self.0.split_at(size);
            buffer[..size].copy_from_slice(piece);
            self.0 = rest;
            Ok(size)
        }
    }

    type Record = Vec<Option<String>>;

    fn read(text: &[u8], size: usize, null: &str) -> Result<Vec<Record>, CsvError> {
        let mut records = Records::new(Pieces(text, size), null.as_bytes());
        let mut all = Vec::new();
        while records.read()? {
            let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
            all.push(records.values().map(|value| value.map(text)).collect());
        }
        Ok(all)
    }

    #[test]
    fn null_is_told_from_an_empty_text() {
        let text = b"a,,\"\"\r\n\"x\"\"y\",\"1\r\n2\",\\N\n\n\"\"";
        for size in 1..9 {
            let some = |text: &str| Some(text.to_owned());
            let expected = [
                vec![some("a"), None, some("")],
                vec![some("x\"y"), some("1\r\n2"), some("\\N")],
                vec![None],
                vec![some("")],
            ];
            assert_eq!(read(text, size, "").unwrap(), expected);
            let nulls = read(text, size, "\\N").unwrap();
            assert_eq!((nulls[0][1].as_deref(), &nulls[1][2]), (Some(""), &None));
        }
        assert_eq!(read(b"\xEF\xBB\xBFa", 9, "").unwrap(), [[Some("a".to_owned())]]);
        assert_eq!(read(b"", 1, "").unwrap(), [[None::<String>; 0]; 0]);
    }

    #[test]
    fn mistakes_name_their_line() {
        for (text, expected) in [
            ("a\n\"b\"c\n", "line 2: something stands behind a closing quote"),
            ("a\nb\"c\n", "line 2: a quote stands in a value without quotes"),
            ("a\n\"b\n\n", "line 2: the quote that opens a value is never closed"),
            ("\"a\"\rb", "line 1: something stands behind"),
        ] {
            for size in 1..5 {
                let error = read(text.as_bytes(), size, "").unwrap_err().to_string();
                assert!(error.starts_with(expected), "{error}");
            }
        }
    }

    proptest! {
        /// The reader agrees with the crate `csv`, which does not tell NULL, on what that writes.
        #[test]
        fn records_are_those_of_the_csv_crate(
            records in prop::collection::vec(prop::collection::vec("[a\",\r\n é]{0,5}", 3), 0..6),
            crlf in any::<bool>(),
            size in 1_usize..40,
        ) {
            let terminator = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
            let mut writer =
                csv::WriterBuilder::new().terminator(terminator).from_writer(Vec::new());
            for record in &records {
                writer.write_record(record).unwrap();
            }
            let text = writer.into_inner().unwrap();
            // No value is this, so none is NULL.
            let ours = read(&text, size, "NULL").unwrap();
            let ours: Vec<Vec<String>> =
                ours.into_iter().map(|record| record.into_iter().flatten().collect()).collect();
            prop_assert_eq!(ours, records);
        }
    }
}
