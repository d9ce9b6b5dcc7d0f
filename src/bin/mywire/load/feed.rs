//! The records of the file as what the server takes.

use std::fmt::Display;
use std::io::{self, Read};

use mywire::Value;

use super::columns::Target;
use super::csv::Records;
use crate::interrupt;
use crate::output::write_escaped;
use crate::progress::Progress;

/// The file's rows, checked against the columns.
pub(crate) struct Rows<'a> {
    records: Records<Box<dyn Read>>,
    target: &'a Target,
    progress: &'a mut Progress,
    count: u64,
    /// What is wrong with the file; no row comes behind it.
    fault: Option<String>,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(
        records: Records<Box<dyn Read>>,
        target: &'a Target,
        progress: &'a mut Progress,
    ) -> Self {
        Self { records, target, progress, count: 0, fault: None }
    }

    /// How many rows were read.
    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    /// How many bytes were read.
    pub(crate) const fn bytes(&self) -> u64 {
        self.records.bytes()
    }

    /// What was wrong with the file.
    pub(crate) fn take_fault(&mut self) -> Option<String> {
        self.fault.take()
    }

    /// Goes to the next row and hands each of its values to `f`; `false` behind the last one, at a
    /// fault, and when the program is to end.
    fn next(&mut self, mut f: impl FnMut(usize, Option<&[u8]>) -> Result<(), String>) -> bool {
        if self.fault.is_some() || interrupt::was_asked() {
            return false;
        }
        match self.try_next(&mut f) {
            Ok(more) => more,
            Err(fault) => {
                self.fault = Some(fault);
                false
            }
        }
    }

    fn try_next(
        &mut self,
        f: &mut impl FnMut(usize, Option<&[u8]>) -> Result<(), String>,
    ) -> Result<bool, String> {
        loop {
            if !self.records.read().map_err(|error| error.to_string())? {
                return Ok(false);
            }
            // Of a table with one column an empty line is a NULL.
            if !self.records.is_empty_line() || self.target.len() == 1 {
                break;
            }
        }
        let (values, line) = (self.records.values(), self.records.begun_at());
        if values.len() != self.target.len() {
            return Err(format!(
                "line {line}: {} values for {} columns ({})",
                values.len(),
                self.target.len(),
                self.target.list()
            ));
        }
        for (place, value) in values.enumerate() {
            let wrong = |what: &dyn Display| {
                format!("line {line}, column `{}`: {what}", self.target.name(place))
            };
            let value = value
                .map(|value| self.target.form(place).check(value))
                .transpose()
                .map_err(|wanted| wrong(&format_args!("the value is not {wanted}")))?;
            if value.is_some_and(|value| std::str::from_utf8(value).is_err()) {
                return Err(wrong(&"the value is not UTF-8"));
            }
            f(place, value)?;
        }
        self.count += 1;
        self.progress.update(self.count, self.records.bytes());
        Ok(true)
    }

    /// The rows as parameters.
    pub(crate) fn values(&mut self) -> impl Iterator<Item = Vec<Value>> {
        std::iter::from_fn(|| {
            let mut row = Vec::with_capacity(self.target.len());
            let more = self.next(|_, value| {
                // It was checked to be UTF-8.
                let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
                row.push(value.map_or(Value::Null, |value| Value::Text(text(value))));
                Ok(())
            });
            more.then_some(row)
        })
    }
}

/// The rows as LOAD DATA reads them: tabs between values, and escapes.
pub(crate) struct Feed<'r, 'a> {
    rows: &'r mut Rows<'a>,
    text: Vec<u8>,
    start: usize,
}

impl<'r, 'a> Feed<'r, 'a> {
    pub(crate) fn new(rows: &'r mut Rows<'a>) -> Self {
        Self { rows, text: Vec::new(), start: 0 }
    }

    /// Appends rows until there is about as much as can be asked for.
    fn refill(&mut self, wanted: usize) -> io::Result<()> {
        self.text.clear();
        self.start = 0;
        while self.text.len() < wanted {
            let text = &mut self.text;
            let more = self.rows.next(|place, value| {
                if place > 0 {
                    text.push(b'\t');
                }
                match value {
                    None => text.extend_from_slice(b"\\N"),
                    Some(value) => write_escaped(value, text),
                }
                Ok(())
            });
            if !more {
                // Half a row must not look like a whole one, nor half a file.
                let half = self.rows.fault.is_some() || interrupt::was_asked();
                return if half { Err(io::Error::other("the load is given up")) } else { Ok(()) };
            }
            self.text.push(b'\n');
        }
        Ok(())
    }
}

impl Read for Feed<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.start == self.text.len() {
            self.refill(buffer.len())?;
        }
        let rest = self.text.get(self.start..).unwrap_or_default();
        let size = rest.len().min(buffer.len());
        let (to, from) = (buffer.get_mut(..size), rest.get(..size));
        if let (Some(to), Some(from)) = (to, from) {
            to.copy_from_slice(from);
        }
        self.start += size;
        Ok(size)
    }
}
