//! Where packets are written down.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use super::Options;
use super::conversation::{Side, State};

/// A session file, and the lines on standard output.
pub(crate) struct Log {
    file: Option<File>,
    session: usize,
    packets: usize,
}

impl Log {
    pub(crate) fn create(session: usize, options: &Options) -> io::Result<Self> {
        let mut file = match &options.out {
            Some(folder) => Some(create_private(&folder.join(format!("session-{session}.txt")))?),
            None => None,
        };
        if let Some(file) = &mut file {
            writeln!(file, "# Recorded by mywire.")?;
        }
        Ok(Self { file, session, packets: 0 })
    }

    pub(crate) fn packet(
        &mut self,
        side: Side,
        sequence: u8,
        message: &str,
        state: State,
        extra: &str,
        payload: &[u8],
    ) -> io::Result<()> {
        self.packets += 1;
        let (session, length) = (self.session, payload.len());
        let line =
            format!("{session:3} {side:?} {sequence:3} {message} ({state}), {length} bytes\n");
        io::stdout().write_all(line.as_bytes())?;
        let Some(file) = &mut self.file else { return Ok(()) };
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
    options.write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    // One that was there keeps its mode until now, and nothing is in it yet.
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    file.set_len(0)?;
    Ok(file)
}

fn printable(byte: u8) -> char {
    if byte.is_ascii_graphic() || byte == b' ' { char::from(byte) } else { '.' }
}
