//! Prepared statements: the reply to COM_STMT_PREPARE and the payload of COM_STMT_EXECUTE (K-10 to
//! K-18, R-40).

use super::binary_row::Layout;
use super::capability::Capabilities;
use super::code::ColumnType;
use super::error::{DecodeError, EncodeError, Malformed, Unencodable};
use super::reader::Reader;
use super::reply;
use super::writer::Put;

/// The most parameters that a statement can have (K-16).
pub const MAX_PARAMETERS: usize = 65_535;

/// The first packet of the reply to COM_STMT_PREPARE. It looks like an OK packet and is none
/// (E-84).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PrepareOk {
    /// The statement's id on this connection.
    pub statement: u32,
    /// How many columns the statement returns; 0 if it returns no rows, or a CALL.
    pub columns: u16,
    /// How many parameters it has.
    pub parameters: u16,
    /// How many warnings there are; not sent by very old servers.
    pub warnings: u16,
    /// Whether definitions follow; always true without `OPTIONAL_RESULTSET_METADATA`.
    pub metadata_follows: bool,
}

impl PrepareOk {
    /// Reads the packet.
    pub fn decode(payload: &[u8], capabilities: Capabilities) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload, "prepare reply");
        match reader.u8()? {
            reply::OK => {}
            byte => return Err(reader.error(Malformed::Header(byte))),
        }
        let statement = reader.u32()?;
        let columns = reader.u16()?;
        let parameters = reader.u16()?;
        reader.u8()?;
        let warnings = if reader.rest().len() >= 2 { reader.u16()? } else { 0 };
        let flagged = capabilities.contains(Capabilities::OPTIONAL_RESULTSET_METADATA);
        let metadata_follows = !flagged || reader.is_empty() || reader.u8()? != 0;
        Ok(Self { statement, columns, parameters, warnings, metadata_follows })
    }

    /// Appends the packet's payload.
    pub fn encode(&self, capabilities: Capabilities, out: &mut Vec<u8>) {
        out.put_u8(reply::OK);
        out.put_u32(self.statement);
        out.put_u16(self.columns);
        out.put_u16(self.parameters);
        out.put_u8(0);
        out.put_u16(self.warnings);
        if capabilities.contains(Capabilities::OPTIONAL_RESULTSET_METADATA) {
            out.put_u8(u8::from(self.metadata_follows));
        }
    }
}

/// The type of a parameter: a column type and whether an integer is unsigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParameterType {
    /// The type of the value.
    pub column_type: ColumnType,
    /// Whether the value is an unsigned integer.
    pub unsigned: bool,
}

impl ParameterType {
    /// A type whose values are not unsigned integers.
    #[must_use]
    pub const fn signed(column_type: ColumnType) -> Self {
        Self { column_type, unsigned: false }
    }

    /// An unsigned integer's type.
    #[must_use]
    pub const fn unsigned(column_type: ColumnType) -> Self {
        Self { column_type, unsigned: true }
    }

    const UNSIGNED: u8 = 0x80;

    pub(super) fn decode([code, flag]: [u8; 2]) -> Self {
        Self { column_type: ColumnType(code), unsigned: flag & Self::UNSIGNED != 0 }
    }

    /// The types that these bytes are, two each.
    pub(super) fn decode_all(bytes: &[u8]) -> impl Iterator<Item = Self> {
        bytes.chunks_exact(2).filter_map(|pair| {
            let (&code, &flag) = (pair.first()?, pair.last()?);
            Some(Self::decode([code, flag]))
        })
    }

    /// The two bytes of the type.
    #[must_use]
    pub const fn encode(self) -> [u8; 2] {
        [self.column_type.0, if self.unsigned { Self::UNSIGNED } else { 0 }]
    }

    /// Reads a value of this type; `None` for types whose values have no bytes.
    pub(super) fn read<'a>(self, reader: &mut Reader<'a>) -> Result<Option<&'a [u8]>, DecodeError> {
        Ok(match Layout::of(self.column_type) {
            Layout::Fixed(length) => Some(reader.bytes(usize::from(length))?),
            Layout::LengthEncoded => Some(reader.lenenc_bytes()?),
            Layout::Temporal => {
                let length = reader.u8()?;
                Some(reader.bytes(usize::from(length))?)
            }
            Layout::Nothing => None,
            Layout::Unknown => return Err(reader.error(Malformed::Field("type"))),
        })
    }
}

/// The payload of COM_STMT_EXECUTE, behind the command byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Execute<'a> {
    /// The statement's id.
    pub statement: u32,
    /// [`CURSOR_READ_ONLY`](Self::CURSOR_READ_ONLY) or 0.
    pub flags: u8,
    /// NULL bitmap, types and values, as they are on the wire; empty without parameters.
    pub parameters: &'a [u8],
}

impl<'a> Execute<'a> {
    /// Asks for a server-side cursor.
    pub const CURSOR_READ_ONLY: u8 = 1;

    /// Stands for the statement prepared last; MariaDB only, with
    /// [`MARIADB_STMT_BULK_OPERATIONS`](super::Capabilities::MARIADB_STMT_BULK_OPERATIONS) (K-23).
    pub const LAST_PREPARED: u32 = u32::MAX;

    /// The number of parameters and attributes is in front of them (K-11).
    pub const PARAMETER_COUNT_AVAILABLE: u8 = 8;

    /// Reads the payload, as a server does.
    pub(super) fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let statement = reader.u32()?;
        let flags = reader.u8()?;
        if reader.u32()? != 1 {
            return Err(reader.error(Malformed::Field("iterations")));
        }
        Ok(Self { statement, flags, parameters: reader.take_rest() })
    }

    /// Appends the payload.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.statement);
        out.put_u8(self.flags);
        out.put_u32(1);
        out.extend_from_slice(self.parameters);
    }
}

/// The parameters of COM_STMT_EXECUTE: NULL bitmap, types if they are new, values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters<'a> {
    bitmap: &'a [u8],
    /// Two bytes for each parameter; empty when the types of the last execution still hold (K-14).
    types: &'a [u8],
    values: &'a [u8],
}

impl<'a> Parameters<'a> {
    /// Takes apart the parameters of a statement that has `count` of them, as a server does.
    pub fn decode(encoded: &'a [u8], count: usize) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(encoded, "statement parameters");
        if count == 0 {
            reader.finish()?;
            return Ok(Self { bitmap: &[], types: &[], values: &[] });
        }
        let bitmap = reader.bytes(bitmap_len(count))?;
        let types = match reader.u8()? {
            0 => &[][..],
            1 => reader.bytes(count.saturating_mul(2))?,
            _ => return Err(reader.error(Malformed::Field("new types flag"))),
        };
        Ok(Self { bitmap, types, values: reader.rest() })
    }

    /// Appends a NULL bitmap for `count` parameters, at least one, with no bit set. The types
    /// follow, then the values that are not NULL, each in its type's layout.
    pub fn reserve_nulls(count: usize, out: &mut Vec<u8>) -> Result<NullBitmap, EncodeError> {
        if count > MAX_PARAMETERS {
            let reason = Unencodable::TooMany { max: MAX_PARAMETERS };
            return Err(EncodeError::new("parameters", reason));
        }
        let start = out.len();
        out.resize(start.saturating_add(bitmap_len(count)), 0);
        Ok(NullBitmap { start })
    }

    /// Appends the types, or that those of the last execution hold.
    pub fn encode_types(types: Option<&[ParameterType]>, out: &mut Vec<u8>) {
        out.put_u8(u8::from(types.is_some()));
        for parameter_type in types.into_iter().flatten() {
            out.extend_from_slice(&parameter_type.encode());
        }
    }

    /// The new types, in the parameters' order; none when the last ones hold.
    pub fn types(&self) -> impl Iterator<Item = ParameterType> + use<'a> {
        ParameterType::decode_all(self.types)
    }

    /// The values in their order, given the types that hold; `None` is NULL.
    pub fn values(&self, types: &[ParameterType]) -> Result<Vec<Option<&'a [u8]>>, DecodeError> {
        let mut reader = Reader::new(self.values, "statement parameters");
        let mut values = Vec::new();
        for (index, parameter_type) in types.iter().enumerate() {
            let bits = self.bitmap.get(index / 8).copied().unwrap_or_default();
            if bits & 1 << (index % 8) != 0 {
                values.push(None);
                continue;
            }
            values.push(parameter_type.read(&mut reader)?);
        }
        reader.finish()?;
        Ok(values)
    }
}

/// Where a NULL bitmap stands in a buffer.
#[derive(Clone, Copy, Debug)]
pub struct NullBitmap {
    start: usize,
}

impl NullBitmap {
    /// Whether a parameter, from 0, is marked.
    #[must_use]
    pub fn is_set(self, parameter: usize, out: &[u8]) -> bool {
        let byte = out.get(self.start.saturating_add(parameter / 8)).copied();
        byte.is_some_and(|byte| byte & 1 << (parameter % 8) != 0)
    }

    /// Marks a parameter, from 0, as NULL.
    pub fn set(self, parameter: usize, out: &mut [u8]) {
        if let Some(byte) = out.get_mut(self.start.saturating_add(parameter / 8)) {
            *byte |= 1 << (parameter % 8);
        }
    }
}

/// The length of the parameters' NULL bitmap, in bytes: unlike a row's it has no unused bits in
/// front.
const fn bitmap_len(count: usize) -> usize {
    count.div_ceil(8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prepare_replies_round_trip() {
        let plain = Capabilities::NONE;
        let optional = Capabilities::OPTIONAL_RESULTSET_METADATA;
        let ok = PrepareOk {
            statement: 7,
            columns: 2,
            parameters: 65_535,
            warnings: 1,
            metadata_follows: true,
        };
        let unnamed = PrepareOk { metadata_follows: false, ..ok };
        for (ok, capabilities) in [(ok, plain), (ok, optional), (unnamed, optional)] {
            let mut out = Vec::new();
            ok.encode(capabilities, &mut out);
            assert_eq!(PrepareOk::decode(&out, capabilities), Ok(ok));
            for length in 0..10 {
                assert!(PrepareOk::decode(&out[..length], capabilities).is_err());
            }
        }
        // Very old servers stop before the warnings.
        let short = [0, 7, 0, 0, 0, 2, 0, 1, 0, 0];
        assert_eq!(PrepareOk::decode(&short, plain).unwrap().warnings, 0);
    }

    #[test]
    fn e61_parameters_around_the_byte_boundaries() {
        for count in [1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 100] {
            let types: Vec<ParameterType> = (0..count)
                .map(|index| match index % 3 {
                    0 => ParameterType::unsigned(ColumnType::LONGLONG),
                    1 => ParameterType::signed(ColumnType::TINY),
                    _ => ParameterType::signed(ColumnType::VAR_STRING),
                })
                .collect();
            for null in 0..count {
                let mut out = Vec::new();
                Parameters::reserve_nulls(count, &mut out).unwrap().set(null, &mut out);
                Parameters::encode_types(Some(&types), &mut out);
                let cells: Vec<Option<Vec<u8>>> = (0..count)
                    .map(|index| match index % 3 {
                        _ if index == null => None,
                        0 => Some(vec![1; 8]),
                        1 => Some(vec![2]),
                        _ => Some(b"three".to_vec()),
                    })
                    .collect();
                for (index, cell) in cells.iter().enumerate() {
                    match cell {
                        Some(cell) if index % 3 == 2 => out.put_lenenc_bytes(cell),
                        Some(cell) => out.extend_from_slice(cell),
                        None => {}
                    }
                }
                let parameters = Parameters::decode(&out, count).unwrap();
                assert!(parameters.types().eq(types.iter().copied()));
                let values = parameters.values(&types).unwrap();
                assert!(values.iter().copied().eq(cells.iter().map(Option::as_deref)));
                assert!(Parameters::decode(&out[..1], count).is_err());
            }
        }
    }

    #[test]
    fn e88_more_parameters_than_a_count_can_say_are_refused() {
        let error = Parameters::reserve_nulls(MAX_PARAMETERS + 1, &mut Vec::new()).unwrap_err();
        assert_eq!(error.reason, Unencodable::TooMany { max: 65_535 });
        let said = "there are more than 65535 parameters, the most that a message can have";
        assert_eq!(error.to_string(), said);
        assert!(Parameters::reserve_nulls(MAX_PARAMETERS, &mut Vec::new()).is_ok());
    }
}
