//! The head of a result set: how many columns, and what each is.

use super::capability::Capabilities;
use super::code::{ColumnFlags, ColumnType};
use super::error::{DecodeError, Malformed};
use super::reader::Reader;
use super::writer::Put;

/// The length of a definition's fixed part, in bytes.
const FIXED_PART: u64 = 12;

/// The first packet of a result set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResultSetHeader {
    /// How many columns a row has; never 0.
    pub columns: u64,
    /// Whether definitions follow. Always true without `OPTIONAL_RESULTSET_METADATA` and
    /// `MARIADB_CACHE_METADATA`.
    pub metadata_follows: bool,
}

impl ResultSetHeader {
    /// Reads the header; bytes behind it are ignored (E-59).
    pub fn decode(payload: &[u8], capabilities: Capabilities) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload, "result set header");
        let columns = reader.lenenc()?;
        if columns == 0 {
            return Err(reader.error(Malformed::Field("column count")));
        }
        let metadata_follows = !has_metadata_flag(capabilities) || reader.u8()? != 0;
        Ok(Self { columns, metadata_follows })
    }

    /// Appends the header's payload.
    pub fn encode(&self, capabilities: Capabilities, out: &mut Vec<u8>) {
        out.put_lenenc(self.columns);
        if has_metadata_flag(capabilities) {
            out.put_u8(u8::from(self.metadata_follows));
        }
    }
}

fn has_metadata_flag(capabilities: Capabilities) -> bool {
    capabilities.contains(Capabilities::OPTIONAL_RESULTSET_METADATA)
        || capabilities.contains(Capabilities::MARIADB_CACHE_METADATA)
}

/// What a column is. Names are bytes: they can be in any character set (E-75).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnDefinition<'a> {
    /// Usually `def`.
    pub catalog: &'a [u8],
    /// The database of the column's table.
    pub schema: &'a [u8],
    /// The table's alias.
    pub table: &'a [u8],
    /// The table's own name.
    pub org_table: &'a [u8],
    /// The column's alias: the name in the result set.
    pub name: &'a [u8],
    /// The column's own name.
    pub org_name: &'a [u8],
    /// Empty without `MARIADB_EXTENDED_METADATA`.
    pub extended: ExtendedMetadata<'a>,
    /// Collation id; [`BINARY_COLLATION`](super::code::BINARY_COLLATION) marks bytes.
    pub collation: u16,
    /// The longest value, in bytes.
    pub length: u32,
    /// The wire type.
    pub column_type: ColumnType,
    /// The column's flags.
    pub flags: ColumnFlags,
    /// Digits behind the point, or of a fraction of a second; 31 means not fixed.
    pub decimals: u8,
}

impl<'a> ColumnDefinition<'a> {
    /// Reads a definition; what follows its 12 fixed bytes is ignored.
    pub fn decode(payload: &'a [u8], capabilities: Capabilities) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload, "column definition");
        let catalog = reader.lenenc_bytes()?;
        let schema = reader.lenenc_bytes()?;
        let table = reader.lenenc_bytes()?;
        let org_table = reader.lenenc_bytes()?;
        let name = reader.lenenc_bytes()?;
        let org_name = reader.lenenc_bytes()?;
        let extended = if capabilities.contains(Capabilities::MARIADB_EXTENDED_METADATA) {
            ExtendedMetadata::decode(reader.lenenc_bytes()?)?
        } else {
            ExtendedMetadata::default()
        };
        if reader.lenenc()? < FIXED_PART {
            return Err(reader.error(Malformed::Field("fixed part")));
        }
        let collation = reader.u16()?;
        let length = reader.u32()?;
        let column_type = ColumnType(reader.u8()?);
        let flags = ColumnFlags(reader.u16()?);
        let decimals = reader.u8()?;
        reader.u16()?;
        Ok(Self {
            catalog,
            schema,
            table,
            org_table,
            name,
            org_name,
            extended,
            collation,
            length,
            column_type,
            flags,
            decimals,
        })
    }

    /// Appends the definition's payload.
    pub fn encode(&self, capabilities: Capabilities, out: &mut Vec<u8>) {
        for text in
            [self.catalog, self.schema, self.table, self.org_table, self.name, self.org_name]
        {
            out.put_lenenc_bytes(text);
        }
        if capabilities.contains(Capabilities::MARIADB_EXTENDED_METADATA) {
            out.put_lenenc_bytes(self.extended.encoded);
        }
        out.put_lenenc(FIXED_PART);
        out.put_u16(self.collation);
        out.put_u32(self.length);
        out.put_u8(self.column_type.0);
        out.put_u16(self.flags.0);
        out.put_u8(self.decimals);
        out.put_u16(0);
    }
}

/// MariaDB's extended type information of a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExtendedMetadata<'a> {
    encoded: &'a [u8],
}

impl<'a> ExtendedMetadata<'a> {
    /// The kind of a type's name, such as `uuid` or `inet6`.
    pub const TYPE_NAME: u8 = 0;
    /// The kind of a format's name, such as `json`.
    pub const FORMAT_NAME: u8 = 1;

    /// Takes the encoded pairs, after a check of their lengths.
    pub fn decode(encoded: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(encoded, "extended column metadata");
        while !reader.is_empty() {
            reader.u8()?;
            reader.lenenc_bytes()?;
        }
        Ok(Self { encoded })
    }

    /// Appends one pair in its encoded form.
    pub fn push(encoded: &mut Vec<u8>, kind: u8, value: &[u8]) {
        encoded.put_u8(kind);
        encoded.put_lenenc_bytes(value);
    }

    /// The pairs as they are on the wire.
    #[must_use]
    pub const fn encoded(&self) -> &'a [u8] {
        self.encoded
    }

    /// The pairs in their order; unknown kinds are kept.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &'a [u8])> + use<'a> {
        let mut reader = Reader::new(self.encoded, "extended column metadata");
        std::iter::from_fn(move || Some((reader.u8().ok()?, reader.lenenc_bytes().ok()?)))
    }

    /// The value of the first pair of a kind.
    #[must_use]
    pub fn get(&self, kind: u8) -> Option<&'a [u8]> {
        self.iter().find_map(|(found, value)| (found == kind).then_some(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Capabilities = Capabilities::NONE;

    fn definition() -> ColumnDefinition<'static> {
        ColumnDefinition {
            catalog: b"def",
            schema: b"shop",
            table: b"u",
            org_table: b"users",
            name: b"id",
            org_name: b"id",
            extended: ExtendedMetadata::default(),
            collation: 63,
            length: 20,
            column_type: ColumnType::LONGLONG,
            flags: ColumnFlags::NOT_NULL.with(ColumnFlags::UNSIGNED),
            decimals: 0,
        }
    }

    fn encoded(definition: &ColumnDefinition<'_>, capabilities: Capabilities) -> Vec<u8> {
        let mut out = Vec::new();
        definition.encode(capabilities, &mut out);
        out
    }

    #[test]
    fn definitions_round_trip_and_truncations_fail() {
        let mut pairs = Vec::new();
        ExtendedMetadata::push(&mut pairs, ExtendedMetadata::TYPE_NAME, b"uuid");
        let extended = ExtendedMetadata::decode(&pairs).unwrap();
        let mariadb = Capabilities::MARIADB_EXTENDED_METADATA;
        for (definition, capabilities) in [
            (definition(), PLAIN),
            (definition(), mariadb),
            (ColumnDefinition { extended, ..definition() }, mariadb),
        ] {
            let bytes = encoded(&definition, capabilities);
            assert_eq!(ColumnDefinition::decode(&bytes, capabilities), Ok(definition));
            for length in 0..bytes.len() {
                assert!(ColumnDefinition::decode(&bytes[..length], capabilities).is_err());
            }
        }
        assert_eq!(extended.get(ExtendedMetadata::TYPE_NAME), Some(&b"uuid"[..]));
        assert_eq!(extended.get(ExtendedMetadata::FORMAT_NAME), None);
    }

    #[test]
    fn e75_odd_names_and_catalogs_are_kept_as_they_are() {
        for (catalog, name) in [(&b""[..], &b"\xFF\xFE"[..]), (b"std", b""), (b"def", b"__proto__")]
        {
            let odd = ColumnDefinition { catalog, name, ..definition() };
            assert_eq!(ColumnDefinition::decode(&encoded(&odd, PLAIN), PLAIN), Ok(odd));
        }
    }

    #[test]
    fn a_longer_fixed_part_is_read_as_far_as_it_is_known() {
        let mut bytes = encoded(&definition(), PLAIN);
        let at = bytes.len() - 13;
        assert_eq!(bytes[at], 12);
        bytes[at] = 14;
        bytes.extend_from_slice(&[9, 9]);
        assert_eq!(ColumnDefinition::decode(&bytes, PLAIN), Ok(definition()));
        bytes[at] = 11;
        assert!(ColumnDefinition::decode(&bytes, PLAIN).is_err());
    }

    #[test]
    fn e58_251_columns_take_three_bytes() {
        let header = ResultSetHeader { columns: 251, metadata_follows: true };
        let mut out = Vec::new();
        header.encode(PLAIN, &mut out);
        assert_eq!(out, [0xFC, 0xFB, 0x00]);
        assert_eq!(ResultSetHeader::decode(&out, PLAIN), Ok(header));
        assert!(ResultSetHeader::decode(&[0xFB], PLAIN).is_err());
    }

    #[test]
    fn r30_r31_the_metadata_flag_stands_behind_the_count() {
        let cached = Capabilities::MARIADB_CACHE_METADATA;
        let header = ResultSetHeader::decode(&[2, 0], cached).unwrap();
        assert_eq!(header, ResultSetHeader { columns: 2, metadata_follows: false });
        let mut out = Vec::new();
        header.encode(cached, &mut out);
        assert_eq!(out, [2, 0]);
        assert!(ResultSetHeader::decode(&[2], cached).is_err());
    }

    #[test]
    fn e59_bytes_behind_the_count_are_ignored() {
        let header = ResultSetHeader::decode(&[1, 7, 7], PLAIN).unwrap();
        assert_eq!(header, ResultSetHeader { columns: 1, metadata_follows: true });
        assert!(ResultSetHeader::decode(&[0], PLAIN).is_err());
    }
}
