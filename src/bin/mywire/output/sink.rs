//! Where the text goes.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// How many bytes are written at once: enough to make a system call cheap.
const PIECE: usize = 64 << 10;

/// A file or standard output, with what is not written yet.
pub(crate) struct Sink {
    place: String,
    to: Option<Box<dyn Write>>,
    /// A file of another name until everything is in it.
    partial: Option<Partial>,
    pub(crate) text: Vec<u8>,
    written: u64,
}

/// A file that gets its name at the end.
struct Partial {
    path: PathBuf,
    name: PathBuf,
}

impl Sink {
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let (place, to, partial): (_, Box<dyn Write>, _) = match path {
            // Not behind the standard library's line buffer.
            None => (String::from("standard output"), Box::new(unbuffered_stdout()), None),
            Some(path) => {
                let (file, partial) = create(path)?;
                (path.display().to_string(), Box::new(file), partial)
            }
        };
        let text = Vec::with_capacity(2 * PIECE);
        Ok(Self { place, to: Some(to), partial, text, written: 0 })
    }

    /// Writes if there is enough to.
    pub(crate) fn pass(&mut self) -> Result<(), Failure> {
        if self.text.len() >= PIECE { self.flush() } else { Ok(()) }
    }

    /// Writes all that there is.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        let text = std::mem::take(&mut self.text);
        let Some(to) = &mut self.to else { return Ok(()) };
        let written = to.write_all(&text).and_then(|()| to.flush());
        written.map_err(|error| Failure::writing(&self.place, &error))?;
        self.written += u64::try_from(text.len()).unwrap_or(u64::MAX);
        // A huge row must not hold its memory for good.
        if text.capacity() <= 16 * PIECE {
            self.text = text;
            self.text.clear();
        }
        Ok(())
    }

    /// Writes all that there is, and gives the file its name.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        self.flush()?;
        // Closed first, for systems that rename no open file.
        self.to = None;
        let Some(Partial { path, name }) = self.partial.take() else { return Ok(()) };
        fs::rename(&path, &name).map_err(|error| {
            let (path, name) = (path.display(), name.display());
            Failure::work(format_args!("cannot rename {path} to {name}: {error}"))
        })
    }

    /// Bytes written, and to be written.
    pub(crate) fn bytes(&self) -> u64 {
        self.written + u64::try_from(self.text.len()).unwrap_or(u64::MAX)
    }
}

impl Drop for Sink {
    /// Of a file that was not finished the rows stay; without any there is nothing to keep.
    fn drop(&mut self) {
        self.to = None;
        if let Some(partial) = self.partial.take().filter(|_| self.written == 0) {
            let _ = fs::remove_file(partial.path);
        }
    }
}

/// Creates the file under its partial name, or opens in place what is there and is no file: a pipe
/// or a device.
fn create(path: &Path) -> Result<(File, Option<Partial>), Failure> {
    let failed = |path: &Path, error| Failure::writing(&path.display().to_string(), &error);
    let there = match fs::metadata(path) {
        Ok(metadata) => Some(metadata),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(failed(path, error)),
    };
    // /dev/stdout can be a regular file that somebody else has open.
    let is_special = ["/dev", "/proc"].iter().any(|folder| path.starts_with(folder));
    if is_special || there.as_ref().is_some_and(|metadata| !metadata.is_file()) {
        return Ok((File::create(path).map_err(|error| failed(path, error))?, None));
    }
    let name = match &there {
        // A link stays one, and a file that cannot be written to is not replaced.
        Some(_) => {
            OpenOptions::new().write(true).open(path).map_err(|error| failed(path, error))?;
            fs::canonicalize(path).map_err(|error| failed(path, error))?
        }
        None => path.to_owned(),
    };
    let mut partial = OsString::from(&name);
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    match fs::remove_file(&partial) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(&partial, error)),
        _ => {}
    }
    let file = File::create_new(&partial).map_err(|error| failed(&partial, error))?;
    if let Some(metadata) = there {
        file.set_permissions(metadata.permissions()).map_err(|error| failed(&partial, error))?;
    }
    Ok((file, Some(Partial { path: partial, name })))
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
