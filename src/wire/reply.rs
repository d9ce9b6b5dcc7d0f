//! OK, ERR and EOF packets, and MariaDB's progress reports.

use super::capability::Capabilities;
use super::code::StatusFlags;
use super::error::{DecodeError, Malformed};
use super::reader::Reader;
use super::session_state::SessionState;
use super::writer::Put;

/// The first byte of an OK packet.
pub const OK: u8 = 0x00;
/// The first byte of an ERR packet.
pub const ERR: u8 = 0xFF;
/// The first byte of an EOF packet, and of an OK packet that stands in its place.
pub const EOF: u8 = 0xFE;

/// The code of an ERR packet that is no error but a progress report.
const PROGRESS_CODE: u16 = 0xFFFF;

/// Success: of a command, or of a whole result set when it stands in an EOF's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OkPacket<'a> {
    /// Rows inserted, changed or deleted.
    pub affected_rows: u64,
    /// The first automatically made id, or 0.
    pub last_insert_id: u64,
    /// The session's status after the command.
    pub status: StatusFlags,
    /// How many warnings there are; stops at 65,535.
    pub warnings: u16,
    /// A message for people, in the session's character set.
    pub info: &'a [u8],
    /// What changed in the session; empty unless `status` says so.
    pub session_state: SessionState<'a>,
}

impl<'a> OkPacket<'a> {
    /// The length of the shortest packet, in bytes: small counts, and nothing behind the warnings.
    pub const SHORTEST: usize = 7;

    /// Reads a packet that starts with [`OK`] or [`EOF`]; bytes behind it are ignored.
    pub fn decode(payload: &'a [u8], capabilities: Capabilities) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload, "OK packet");
        match reader.u8()? {
            OK | EOF => {}
            byte => return Err(reader.error(Malformed::Header(byte))),
        }
        let affected_rows = reader.lenenc()?;
        let last_insert_id = reader.lenenc()?;
        let status = StatusFlags(reader.u16()?);
        let warnings = reader.u16()?;
        let mut info = &[][..];
        let mut session_state = SessionState::default();
        if capabilities.contains(Capabilities::SESSION_TRACK) {
            if !reader.is_empty() {
                info = reader.lenenc_bytes()?;
            }
            if status.contains(StatusFlags::SESSION_STATE_CHANGED) && !reader.is_empty() {
                session_state = SessionState::decode(reader.lenenc_bytes()?)?;
            }
        } else {
            info = untracked_info(reader.take_rest());
        }
        Ok(Self { affected_rows, last_insert_id, status, warnings, info, session_state })
    }

    /// Appends the packet's payload with `header` ([`OK`] or [`EOF`]) as its first byte.
    pub fn encode(&self, header: u8, capabilities: Capabilities, out: &mut Vec<u8>) {
        out.put_u8(header);
        out.put_lenenc(self.affected_rows);
        out.put_lenenc(self.last_insert_id);
        out.put_u16(self.status.0);
        out.put_u16(self.warnings);
        if capabilities.contains(Capabilities::SESSION_TRACK) {
            let state = self.status.contains(StatusFlags::SESSION_STATE_CHANGED);
            if state || !self.info.is_empty() {
                out.put_lenenc_bytes(self.info);
            }
            if state {
                out.put_lenenc_bytes(self.session_state.encoded());
            }
        } else if !self.info.is_empty() {
            out.put_lenenc_bytes(self.info);
        }
    }
}

/// The info text without session tracking: documented as the rest of the payload, written by
/// servers with a length before it.
fn untracked_info(rest: &[u8]) -> &[u8] {
    let mut reader = Reader::new(rest, "OK packet");
    match reader.lenenc_bytes() {
        Ok(info) if reader.is_empty() => info,
        _ => rest,
    }
}

/// Failure of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrPacket<'a> {
    /// The server's error number.
    pub code: u16,
    /// Five characters of the SQL standard; not there in errors before the login.
    pub sqlstate: Option<[u8; 5]>,
    /// A message for people; it may be in any character set.
    pub message: &'a [u8],
}

impl<'a> ErrPacket<'a> {
    /// Reads the packet, with or without an SQLSTATE.
    pub fn decode(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload, "ERR packet");
        match reader.u8()? {
            ERR => {}
            byte => return Err(reader.error(Malformed::Header(byte))),
        }
        let code = reader.u16()?;
        let mut sqlstate = None;
        if let Some([b'#', state @ ..]) = reader.rest().first_chunk::<6>() {
            sqlstate = Some(*state);
            reader.bytes(6)?;
        }
        Ok(Self { code, sqlstate, message: reader.take_rest() })
    }

    /// Appends the packet's payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(ERR);
        out.put_u16(self.code);
        if let Some(sqlstate) = self.sqlstate {
            out.put_u8(b'#');
            out.extend_from_slice(&sqlstate);
        }
        out.extend_from_slice(self.message);
    }
}

/// How far a long statement of MariaDB is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProgressReport<'a> {
    /// The stage in progress, from 1.
    pub stage: u8,
    /// How many stages there are.
    pub max_stage: u8,
    /// Thousandths of a percent of the stage, 0 to 100,000.
    pub progress: u32,
    /// What the statement is doing.
    pub text: &'a [u8],
}

impl<'a> ProgressReport<'a> {
    /// Whether a packet is a report, given that `MARIADB_PROGRESS` was negotiated.
    #[must_use]
    pub fn is_report(payload: &[u8], capabilities: Capabilities) -> bool {
        capabilities.contains(Capabilities::MARIADB_PROGRESS)
            && payload.starts_with(&[ERR, 0xFF, 0xFF])
    }

    /// Reads the report.
    pub fn decode(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload, "progress report");
        match reader.u8()? {
            ERR => {}
            byte => return Err(reader.error(Malformed::Header(byte))),
        }
        if reader.u16()? != PROGRESS_CODE {
            return Err(reader.error(Malformed::Field("code")));
        }
        // The number of strings, which is always 1.
        reader.u8()?;
        Ok(Self {
            stage: reader.u8()?,
            max_stage: reader.u8()?,
            progress: reader.u24()?,
            text: reader.lenenc_bytes()?,
        })
    }

    /// Appends the report's payload; `progress` keeps its low 24 bits.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(ERR);
        out.put_u16(PROGRESS_CODE);
        out.put_u8(1);
        out.put_u8(self.stage);
        out.put_u8(self.max_stage);
        out.put_u24(self.progress);
        out.put_lenenc_bytes(self.text);
    }
}

/// The end of column definitions or rows without `DEPRECATE_EOF`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EofPacket {
    /// How many warnings there are.
    pub warnings: u16,
    /// The session's status.
    pub status: StatusFlags,
}

impl EofPacket {
    /// The payload's length, in bytes: what tells it from an OK packet.
    pub const SIZE: usize = 5;

    /// Reads the packet; the warnings come first here.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload, "EOF packet");
        match reader.u8()? {
            EOF => {}
            byte => return Err(reader.error(Malformed::Header(byte))),
        }
        Ok(Self { warnings: reader.u16()?, status: StatusFlags(reader.u16()?) })
    }

    /// Appends the packet's payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(EOF);
        out.put_u16(self.warnings);
        out.put_u16(self.status.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::session_state::StateChange;

    const TRACKED: Capabilities = Capabilities::SESSION_TRACK;

    fn ok() -> OkPacket<'static> {
        OkPacket {
            affected_rows: 0,
            last_insert_id: 0,
            status: StatusFlags::AUTOCOMMIT,
            warnings: 0,
            info: b"",
            session_state: SessionState::default(),
        }
    }

    fn encoded(ok: &OkPacket<'_>, capabilities: Capabilities) -> Vec<u8> {
        let mut out = Vec::new();
        ok.encode(OK, capabilities, &mut out);
        out
    }

    #[test]
    fn e50_counters_reach_the_last_value() {
        let ok = OkPacket { affected_rows: u64::MAX, last_insert_id: u64::MAX, ..ok() };
        let bytes = encoded(&ok, TRACKED);
        assert_eq!(OkPacket::decode(&bytes, TRACKED), Ok(ok));
    }

    #[test]
    fn e48_the_info_text_is_the_same_in_every_form() {
        let text = OkPacket { info: b"Rows matched: 1", ..ok() };
        for capabilities in [Capabilities::NONE, TRACKED] {
            for ok in [ok(), text] {
                let bytes = encoded(&ok, capabilities);
                assert_eq!(OkPacket::decode(&bytes, capabilities), Ok(ok));
            }
        }
        let mut bare = encoded(&ok(), Capabilities::NONE);
        bare.extend_from_slice(b"Rows matched: 1");
        assert_eq!(OkPacket::decode(&bare, Capabilities::NONE), Ok(text));
        // Present but empty, with the flag set and nothing behind it.
        let flagged = StatusFlags::SESSION_STATE_CHANGED;
        let mut empty = encoded(&OkPacket { status: flagged, ..ok() }, Capabilities::NONE);
        assert_eq!(OkPacket::decode(&empty, TRACKED).unwrap().info, b"");
        empty.push(0);
        assert_eq!(OkPacket::decode(&empty, TRACKED).unwrap().info, b"");
    }

    #[test]
    fn session_state_rides_behind_the_info() {
        let mut state = Vec::new();
        StateChange::Schema(b"shop").encode(&mut state);
        let ok = OkPacket {
            status: StatusFlags::SESSION_STATE_CHANGED,
            session_state: SessionState::decode(&state).unwrap(),
            ..ok()
        };
        let bytes = encoded(&ok, TRACKED);
        assert_eq!(OkPacket::decode(&bytes, TRACKED), Ok(ok));
        for length in 0..bytes.len() {
            // A cut may fall where R-02 allows the packet to end; it never panics.
            let _ = OkPacket::decode(&bytes[..length], TRACKED);
        }
        assert!(OkPacket::decode(&bytes[..6], TRACKED).is_err());
        assert!(OkPacket::decode(&bytes[..bytes.len() - 1], TRACKED).is_err());
    }

    #[test]
    fn e51_short_err_packets() {
        for payload in [&b""[..], b"\xFF", b"\xFF\x10"] {
            assert!(ErrPacket::decode(payload).is_err());
        }
        let bare = ErrPacket::decode(b"\xFF\x10\x04").unwrap();
        assert_eq!(bare, ErrPacket { code: 1040, sqlstate: None, message: b"" });
        // '#' with fewer than five bytes behind it belongs to the message.
        let odd = ErrPacket::decode(b"\xFF\x10\x04#080").unwrap();
        assert_eq!(odd, ErrPacket { code: 1040, sqlstate: None, message: b"#080" });
        let long = vec![b'x'; 10 << 20];
        let mut bytes = Vec::new();
        ErrPacket { code: 1, sqlstate: None, message: &long }.encode(&mut bytes);
        assert_eq!(ErrPacket::decode(&bytes).unwrap().message.len(), long.len());
        assert_eq!(ErrPacket::decode(b"\xFF\x10\x04\xFF\xFE").unwrap().message, b"\xFF\xFE");
    }

    #[test]
    fn e21_err_with_and_without_sqlstate() {
        for sqlstate in [None, Some(*b"08004")] {
            let err = ErrPacket { code: 1040, sqlstate, message: b"Too many connections" };
            let mut bytes = Vec::new();
            err.encode(&mut bytes);
            assert_eq!(ErrPacket::decode(&bytes), Ok(err));
        }
    }

    #[test]
    fn e54_progress_reports_need_their_capability() {
        let report = ProgressReport { stage: 1, max_stage: 2, progress: 50_000, text: b"copy" };
        let mut bytes = Vec::new();
        report.encode(&mut bytes);
        assert_eq!(ProgressReport::decode(&bytes), Ok(report));
        assert!(ProgressReport::is_report(&bytes, Capabilities::MARIADB_PROGRESS));
        assert!(!ProgressReport::is_report(&bytes, TRACKED));
        assert_eq!(ErrPacket::decode(&bytes).unwrap().code, 0xFFFF);
    }

    #[test]
    fn r21_eof_has_its_warnings_first() {
        let eof = EofPacket { warnings: 3, status: StatusFlags::MORE_RESULTS };
        let mut bytes = Vec::new();
        eof.encode(&mut bytes);
        assert_eq!(bytes, [0xFE, 3, 0, 8, 0]);
        assert_eq!(EofPacket::decode(&bytes), Ok(eof));
        assert!(EofPacket::decode(&[0xFE]).is_err());
    }

    /// a text that begins like a length but is longer is a text.
    #[test]
    fn r03_info_with_and_without_a_length() {
        let text = b"0 rows were looked at, which is as much as a length of 48";
        assert!(text.len() > 49);
        assert_eq!(untracked_info(text), text);
        assert_eq!(untracked_info(&[&[57][..], text].concat()), text);
        assert_eq!(untracked_info(b"\x02a"), b"\x02a");
        assert_eq!(untracked_info(b""), b"");
    }
}
