//! Where the text goes.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use crate::failure::Failure;

/// How many bytes are written at once: enough to make a system call cheap.
const PIECE: usize = 64 << 10;

/// A file or standard output, with what is not written yet.
pub(crate) struct Sink {
    place: String,
    to: Box<dyn Write>,
    pub(crate) text: Vec<u8>,
    written: u64,
}

impl Sink {
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let (place, to): (_, Box<dyn Write>) = match path {
            // Not behind the standard library's line buffer.
            None => (String::from("standard output"), Box::new(unbuffered_stdout())),
            Some(path) => {
                let place = path.display().to_string();
                let file = File::create(path).map_err(|error| Failure::writing(&place, &error))?;
                (place, Box::new(file))
            }
        };
        Ok(Self { place, to, text: Vec::with_capacity(2 * PIECE), written: 0 })
    }

    /// Writes if there is enough to.
    pub(crate) fn pass(&mut self) -> Result<(), Failure> {
        if self.text.len() >= PIECE { self.flush() } else { Ok(()) }
    }

    /// Writes all that there is.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        let text = std::mem::take(&mut self.text);
        let written = self.to.write_all(&text).and_then(|()| self.to.flush());
        written.map_err(|error| Failure::writing(&self.place, &error))?;
        self.written += u64::try_from(text.len()).unwrap_or(u64::MAX);
        // A huge row must not hold its memory for good.
        if text.capacity() <= 16 * PIECE {
            self.text = text;
            self.text.clear();
        }
        Ok(())
    }

    /// Bytes written, and to be written.
    pub(crate) fn bytes(&self) -> u64 {
        self.written + u64::try_from(self.text.len()).unwrap_or(u64::MAX)
    }
}

#[cfg(unix)]
fn unbuffered_stdout() -> Box<dyn Write> {
    use std::os::fd::AsFd;
    match io::stdout().as_fd().try_clone_to_owned() {
        Ok(descriptor) => Box::new(File::from(descriptor)),
        Err(_) => Box::new(io::stdout()),
    }
}

#[cfg(not(unix))]
fn unbuffered_stdout() -> Box<dyn Write> {
    Box::new(io::stdout())
}
