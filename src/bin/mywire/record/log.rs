//! Where packets are written down.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use super::Options;
use super::conversation::{Side, State};

/// A session file, and the lines on standard output.
pub(crate) struct Log {
    file: Option<File>,
    /// Whether standard output was broken, which ends nothing as long as there is a file.
    is_unheard: bool,
    session: usize,
    packets: usize,
}

impl Log {
    /// The file has the session's number, or the next one that is free.
    pub(crate) fn create(mut session: usize, options: &Options) -> io::Result<Self> {
        let mut file = None;
        while let (Some(folder), None) = (&options.out, &file) {
            match create_private(&folder.join(format!("session-{session}.txt"))) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => session += 1,
                created => file = Some(created?),
            }
        }
        if let Some(file) = &mut file {
            writeln!(file, "# Recorded by mywire.")?;
        }
        Ok(Self { file, is_unheard: false, session, packets: 0 })
    }

    /// Notes a packet under two names: what it is for whoever looks on, and which message for the file.
    pub(crate) fn packet(
        &mut self,
        side: Side,
        sequence: u8,
        [name, message]: [&str; 2],
        state: State,
        extra: &str,
        payload: &[u8],
    ) -> io::Result<()> {
        self.packets += 1;
        let (session, length) = (self.session, payload.len());
        let line = format!("{session:3} {side:?} {sequence:3} {name} ({state}), {length} bytes\n");
        let printed = match self.is_unheard {
            true => Ok(()),
            false => io::stdout().write_all(line.as_bytes()),
        };
        self.is_unheard |= printed.is_err();
        let Some(file) = &mut self.file else { return printed };
        let direction = if side == Side::Client { "client" } else { "server" };
        let mut text = format!(
            "\npacket: {}\ndirection: {direction}\nsequence: {sequence}\nmessage: {message}\n\
             state: {state}\n{extra}",
            self.packets,
        );
        for line in payload.chunks(16) {
            let hex: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
            let ascii: String = line.iter().map(|&byte| printable(byte)).collect();
            text += &format!("{:<47}  # {ascii}\n", hex.join(" "));
        }
        file.write_all(text.as_bytes())
    }
}

/// A file for its owner alone: it holds what was logged in with, and the rows.
fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn printable(byte: u8) -> char {
    if byte.is_ascii_graphic() || byte == b' ' { char::from(byte) } else { '.' }
}
