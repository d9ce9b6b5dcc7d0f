//! The payload of MariaDB's COM_STMT_BULK_EXECUTE: one statement, many rows of parameters (K-30).

use super::error::{DecodeError, Malformed};
use super::reader::Reader;
use super::statement::ParameterType;
use super::writer::Put;

/// The payload, behind the command byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BulkExecute<'a> {
    /// The statement's id.
    pub statement: u32,
    /// [`SEND_TYPES`](Self::SEND_TYPES), [`UNIT_RESULTS`](Self::UNIT_RESULTS).
    pub flags: u16,
    /// The types, if they are new, and the rows, as they are on the wire; see [`BulkRows`].
    pub parameters: &'a [u8],
}

impl<'a> BulkExecute<'a> {
    /// The types of the parameters are in front of the rows; otherwise the last ones hold.
    pub const SEND_TYPES: u16 = 128;
    /// The reply is a result set with an insert id and a number of affected rows for each row; wants
    /// `MARIADB_BULK_UNIT_RESULTS`.
    pub const UNIT_RESULTS: u16 = 64;

    /// Reads the payload, as a server does.
    pub(super) fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let statement = reader.u32()?;
        let flags = reader.u16()?;
        Ok(Self { statement, flags, parameters: reader.take_rest() })
    }

    /// Appends the payload.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.statement);
        out.put_u16(self.flags);
        out.extend_from_slice(self.parameters);
    }
}

/// What stands in front of a value, or in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indicator(pub u8);

impl Indicator {
    /// A value follows.
    pub const VALUE: Self = Self(0);
    /// NULL.
    pub const NULL: Self = Self(1);
    /// The column's default.
    pub const DEFAULT: Self = Self(2);
    /// The column is left as it is, by an UPDATE; like DEFAULT for an INSERT.
    pub const IGNORE: Self = Self(3);
}

/// The parameters of a bulk execution: types, then rows until the end.
#[derive(Clone, Debug)]
pub struct BulkRows<'a> {
    types: &'a [u8],
    reader: Reader<'a>,
}

/// One parameter of a row: `Ok` with a value, or the indicator in its place.
pub type BulkCell<'a> = Result<&'a [u8], Indicator>;

impl<'a> BulkRows<'a> {
    /// Takes apart the parameters of an execution of a statement that has `count` of them, as a
    /// server does.
    pub fn decode(execute: &BulkExecute<'a>, count: usize) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(execute.parameters, "bulk parameters");
        let types = match execute.flags & BulkExecute::SEND_TYPES {
            0 => &[][..],
            _ => reader.bytes(count.saturating_mul(2))?,
        };
        Ok(Self { types, reader })
    }

    /// The types, in the parameters' order; none when the last ones hold.
    pub fn types(&self) -> impl Iterator<Item = ParameterType> + use<'a> {
        ParameterType::decode_all(self.types)
    }

    /// The next row, given the types that hold, or `None` at the end.
    pub fn next_row(
        &mut self,
        types: &[ParameterType],
    ) -> Result<Option<Vec<BulkCell<'a>>>, DecodeError> {
        if self.reader.is_empty() || types.is_empty() {
            return Ok(None);
        }
        let mut row = Vec::new();
        for one in types {
            let indicator = Indicator(self.reader.u8()?);
            row.push(match indicator {
                Indicator::VALUE => Ok(one.read(&mut self.reader)?.unwrap_or_default()),
                Indicator::NULL | Indicator::DEFAULT | Indicator::IGNORE => Err(indicator),
                _ => return Err(self.reader.error(Malformed::Field("indicator"))),
            });
        }
        Ok(Some(row))
    }
}
