//! The session-state blocks of an OK packet.

use super::code::StateKind;
use super::error::{DecodeError, Malformed};
use super::reader::Reader;
use super::writer::Put;

const MESSAGE: &str = "session state";

/// All session-state blocks of one OK packet.
///
/// The blocks' lengths were checked when it was decoded; what is inside a block is checked when it
/// is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionState<'a> {
    encoded: &'a [u8],
}

/// One change of the session's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StateChange<'a> {
    /// A system variable has this value now; `None` is NULL.
    SystemVariable {
        /// The variable's name.
        name: &'a [u8],
        /// Its value as text.
        value: Option<&'a [u8]>,
    },
    /// The default database; empty when it was dropped.
    Schema(&'a [u8]),
    /// Whether anything of the state changed; ASCII `1` means yes.
    State(&'a [u8]),
    /// Global transaction ids.
    Gtids {
        /// The text's encoding, 0.
        encoding: u8,
        /// The ids.
        text: &'a [u8],
    },
    /// The SQL that restarts the transaction; empty outside of one.
    TransactionCharacteristics(&'a [u8]),
    /// Eight letters.
    TransactionState(&'a [u8]),
    /// A block of a kind that this version does not know.
    Unknown {
        /// Its kind.
        kind: StateKind,
        /// Its content.
        data: &'a [u8],
    },
}

impl<'a> SessionState<'a> {
    /// Takes the blocks, after a check that their lengths add up.
    pub fn decode(encoded: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(encoded, MESSAGE);
        while !reader.is_empty() {
            reader.u8()?;
            reader.lenenc_bytes()?;
        }
        Ok(Self { encoded })
    }

    /// The blocks as they are on the wire.
    #[must_use]
    pub const fn encoded(&self) -> &'a [u8] {
        self.encoded
    }

    /// Whether there is no block.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.encoded.is_empty()
    }

    /// The changes in their order; a block with several variables gives one change for each.
    #[must_use]
    pub const fn changes(&self) -> StateChanges<'a> {
        StateChanges {
            blocks: Reader::new(self.encoded, MESSAGE),
            variables: Reader::new(&[], MESSAGE),
        }
    }
}

impl StateChange<'_> {
    /// Appends the change as a block of its own.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut block = Vec::new();
        let kind = match *self {
            Self::SystemVariable { name, value } => {
                block.put_lenenc_bytes(name);
                match value {
                    Some(value) => block.put_lenenc_bytes(value),
                    None => block.put_u8(0xFB),
                }
                StateKind::SYSTEM_VARIABLES
            }
            Self::Schema(name) => {
                block.put_lenenc_bytes(name);
                StateKind::SCHEMA
            }
            Self::State(text) => {
                block.extend_from_slice(text);
                StateKind::STATE_CHANGE
            }
            Self::Gtids { encoding, text } => {
                block.put_u8(encoding);
                block.put_lenenc_bytes(text);
                StateKind::GTIDS
            }
            Self::TransactionCharacteristics(sql) => {
                block.put_lenenc_bytes(sql);
                StateKind::TRANSACTION_CHARACTERISTICS
            }
            Self::TransactionState(letters) => {
                block.put_lenenc_bytes(letters);
                StateKind::TRANSACTION_STATE
            }
            Self::Unknown { kind, data } => {
                block.extend_from_slice(data);
                kind
            }
        };
        out.put_u8(kind.0);
        out.put_lenenc_bytes(&block);
    }
}

/// The iterator of [`SessionState::changes`]. It ends after the first error.
#[derive(Clone, Debug)]
pub struct StateChanges<'a> {
    blocks: Reader<'a>,
    variables: Reader<'a>,
}

impl<'a> StateChanges<'a> {
    fn next_change(&mut self) -> Result<Option<StateChange<'a>>, DecodeError> {
        while self.variables.is_empty() {
            if self.blocks.is_empty() {
                return Ok(None);
            }
            let kind = StateKind(self.blocks.u8()?);
            let data = self.blocks.lenenc_bytes()?;
            if kind == StateKind::SYSTEM_VARIABLES {
                self.variables = Reader::new(data, MESSAGE);
            } else {
                return block(kind, data).map(Some);
            }
        }
        let name = self.variables.lenenc_bytes()?;
        let value = self.variables.lenenc_bytes_or_null()?;
        Ok(Some(StateChange::SystemVariable { name, value }))
    }
}

impl<'a> Iterator for StateChanges<'a> {
    type Item = Result<StateChange<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let change = self.next_change();
        if change.is_err() {
            self.blocks = Reader::new(&[], MESSAGE);
            self.variables = Reader::new(&[], MESSAGE);
        }
        change.transpose()
    }
}

fn block(kind: StateKind, data: &[u8]) -> Result<StateChange<'_>, DecodeError> {
    let mut reader = Reader::new(data, MESSAGE);
    let change = match kind {
        StateKind::SCHEMA => StateChange::Schema(reader.lenenc_bytes()?),
        StateKind::STATE_CHANGE => StateChange::State(reader.take_rest()),
        StateKind::GTIDS => {
            StateChange::Gtids { encoding: reader.u8()?, text: reader.lenenc_bytes()? }
        }
        StateKind::TRANSACTION_CHARACTERISTICS => {
            StateChange::TransactionCharacteristics(reader.lenenc_bytes()?)
        }
        StateKind::TRANSACTION_STATE => StateChange::TransactionState(reader.lenenc_bytes()?),
        kind => StateChange::Unknown { kind, data: reader.take_rest() },
    };
    if reader.is_empty() { Ok(change) } else { Err(reader.error(Malformed::TrailingBytes)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(encoded: &[u8]) -> Result<Vec<StateChange<'_>>, DecodeError> {
        SessionState::decode(encoded)?.changes().collect()
    }

    #[test]
    fn r07_r09_golden_blocks() {
        assert_eq!(changes(&[2, 1, 0x31]), Ok(vec![StateChange::State(b"1")]));
        let block = [0x05, 0x09, 0x08, 0x49, 0x5F, 0x5F, 0x5F, 0x57, 0x5F, 0x5F, 0x5F];
        assert_eq!(changes(&block), Ok(vec![StateChange::TransactionState(b"I___W___")]));
    }

    #[test]
    fn e49_unknown_kinds_several_variables_and_null() {
        let variables = [0, 10, 1, b'a', 1, b'1', 1, b'b', 0xFB, 1, b'c', 0];
        assert_eq!(
            changes(&variables),
            Ok(vec![
                StateChange::SystemVariable { name: b"a", value: Some(b"1") },
                StateChange::SystemVariable { name: b"b", value: None },
                StateChange::SystemVariable { name: b"c", value: Some(b"") },
            ])
        );
        let unknown = [99, 3, 1, 2, 3];
        let kind = StateKind(99);
        assert_eq!(changes(&unknown), Ok(vec![StateChange::Unknown { kind, data: &[1, 2, 3] }]));
        for length in 1..unknown.len() {
            assert!(changes(&unknown[..length]).is_err(), "length {length}");
        }
    }

    #[test]
    fn every_change_round_trips() {
        let all = [
            StateChange::SystemVariable { name: b"autocommit", value: Some(b"ON") },
            StateChange::SystemVariable { name: b"redirect_url", value: None },
            StateChange::Schema(b""),
            StateChange::State(b"1"),
            StateChange::Gtids { encoding: 0, text: b"uuid:1-9" },
            StateChange::TransactionCharacteristics(b"START TRANSACTION READ ONLY;"),
            StateChange::TransactionState(b"T_______"),
            StateChange::Unknown { kind: StateKind(6), data: b"x" },
        ];
        let mut encoded = Vec::new();
        all.iter().for_each(|change| change.encode(&mut encoded));
        assert_eq!(changes(&encoded), Ok(all.to_vec()));
    }

    #[test]
    fn the_iterator_ends_after_an_error() {
        // A schema block whose inner string is longer than the block.
        let encoded = [1, 2, 9, b'x', 2, 1, b'1'];
        let state = SessionState::decode(&encoded).unwrap();
        let mut changes = state.changes();
        assert!(changes.next().unwrap().is_err());
        assert!(changes.next().is_none());
    }
}
