//! COM_QUERY with attributes, as MySQL takes it once both sides have `QUERY_ATTRIBUTES` (K-01).

use super::error::{DecodeError, EncodeError, Malformed, Unencodable};
use super::reader::Reader;
use super::statement::{MAX_PARAMETERS, ParameterType, Parameters};
use super::writer::Put;

const MESSAGE: &str = "query with attributes";

/// COM_QUERY's command byte.
const QUERY: u8 = 0x03;

/// A named value that goes with a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// The type of its value.
    pub parameter_type: ParameterType,
    /// Its value in the type's binary layout, with the length where there is one; `None` is NULL.
    pub value: Option<&'a [u8]>,
}

/// COM_QUERY between sides that both have `QUERY_ATTRIBUTES`, also when there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttributedQuery<'a> {
    /// The attributes, in their order.
    pub attributes: Vec<Attribute<'a>>,
    /// The SQL.
    pub sql: &'a [u8],
}

impl<'a> AttributedQuery<'a> {
    /// Reads the command, as a server does.
    pub fn decode(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload, MESSAGE);
        match reader.u8()? {
            QUERY => {}
            byte => return Err(reader.error(Malformed::Header(byte))),
        }
        let count = match usize::try_from(reader.lenenc()?) {
            Ok(count) if count <= MAX_PARAMETERS => count,
            _ => return Err(reader.error(Malformed::Field("attribute count"))),
        };
        if reader.lenenc()? != 1 {
            return Err(reader.error(Malformed::Field("attribute sets")));
        }
        let mut attributes = Vec::new();
        if count > 0 {
            let bitmap = reader.bytes(count.div_ceil(8))?;
            if reader.u8()? != 1 {
                return Err(reader.error(Malformed::Field("new types flag")));
            }
            for _ in 0..count {
                let parameter_type = ParameterType::decode([reader.u8()?, reader.u8()?]);
                let name = reader.lenenc_bytes()?;
                attributes.push(Attribute { name, parameter_type, value: None });
            }
            for (index, attribute) in attributes.iter_mut().enumerate() {
                let bits = bitmap.get(index / 8).copied().unwrap_or_default();
                if bits & 1 << (index % 8) == 0 {
                    attribute.value = Some(value(attribute.parameter_type, &mut reader)?);
                }
            }
        }
        Ok(Self { attributes, sql: reader.take_rest() })
    }

    /// Appends the command's payload. Fails if there are more attributes than a count can say.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.put_u8(QUERY);
        Attribute::encode_count(self.attributes.len(), out)?;
        out.put_lenenc(1);
        if !self.attributes.is_empty() {
            let nulls = Parameters::reserve_nulls(self.attributes.len(), out)?;
            for (index, attribute) in self.attributes.iter().enumerate() {
                if attribute.value.is_none() {
                    nulls.set(index, out);
                }
            }
            out.put_u8(1);
            for attribute in &self.attributes {
                attribute.encode_type(out);
            }
            for value in self.attributes.iter().filter_map(|attribute| attribute.value) {
                out.extend_from_slice(value);
            }
        }
        out.extend_from_slice(self.sql);
        Ok(())
    }
}

impl Attribute<'_> {
    /// Appends its type and name; those of a statement's own parameters have none.
    pub(crate) fn encode_type(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.parameter_type.encode());
        out.put_lenenc_bytes(self.name);
    }

    /// Appends how many parameters and attributes an execution has (K-11).
    pub fn encode_count(count: usize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        if count > MAX_PARAMETERS {
            let reason = Unencodable::TooMany { max: MAX_PARAMETERS };
            return Err(EncodeError::new("parameters and query attributes", reason));
        }
        out.put_lenenc(u64::try_from(count).unwrap_or(u64::MAX));
        Ok(())
    }
}

/// A value with its length.
fn value<'a>(
    parameter_type: ParameterType,
    reader: &mut Reader<'a>,
) -> Result<&'a [u8], DecodeError> {
    let from = reader.rest();
    parameter_type.read(reader)?;
    let length = from.len().saturating_sub(reader.rest().len());
    Ok(from.get(..length).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ColumnType;

    fn round_trip(query: &AttributedQuery<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        query.encode(&mut out).unwrap();
        assert_eq!(AttributedQuery::decode(&out).as_ref(), Ok(query));
        out
    }

    #[test]
    fn e87_queries_with_and_without_attributes() {
        let none = AttributedQuery { attributes: Vec::new(), sql: b"SELECT 1" };
        assert_eq!(round_trip(&none), b"\x03\x00\x01SELECT 1");
        let attribute = |name, column_type, value| Attribute {
            name,
            parameter_type: ParameterType::signed(column_type),
            value,
        };
        let some = AttributedQuery {
            attributes: vec![
                attribute(b"a", ColumnType::VAR_STRING, Some(b"\x02xy")),
                attribute(b"null", ColumnType::NULL, None),
                attribute(b"n", ColumnType::TINY, Some(b"\x07")),
                attribute(b"d", ColumnType::DATE, Some(b"\x04\xE9\x07\x01\x02")),
            ],
            sql: b"DO 1",
        };
        let out = round_trip(&some);
        let wanted = b"\x03\x04\x01\x02\x01\xFD\x00\x01a\x06\x00\x04null\x01\x00\x01n\x0A\x00\x01d\
                       \x02xy\x07\x04\xE9\x07\x01\x02DO 1";
        assert_eq!(out, wanted);
        // Up to the SQL, which can be of any length.
        for length in 0..out.len() - 4 {
            assert!(AttributedQuery::decode(&out[..length]).is_err(), "length {length}");
        }
        for broken in [&b"\x04\x00\x01"[..], b"\x03\x00\x02", b"\x03\x01\x01\x00\x00\xFD\x00\x00"] {
            assert!(AttributedQuery::decode(broken).is_err(), "{broken:?}");
        }
    }

    /// E-88: the count could say more than any server takes.
    #[test]
    fn e88_more_attributes_than_servers_take_are_refused() {
        let null = ParameterType::signed(ColumnType::NULL);
        let attribute = Attribute { name: b"", parameter_type: null, value: None };
        let most = AttributedQuery { attributes: vec![attribute; MAX_PARAMETERS], sql: b"DO 1" };
        round_trip(&most);
        let attributes = vec![attribute; MAX_PARAMETERS + 1];
        let too_many = AttributedQuery { attributes, ..most };
        let error = too_many.encode(&mut Vec::new()).unwrap_err();
        assert_eq!(error.reason, Unencodable::TooMany { max: 65_535 });
        // As many as the count says are never made room for.
        for count in [&b"\xFD\0\0\x01"[..], b"\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"] {
            let payload = [b"\x03", count, b"\x01"].concat();
            let error = AttributedQuery::decode(&payload).unwrap_err();
            assert_eq!(error.malformed, Malformed::Field("attribute count"));
        }
    }
}
