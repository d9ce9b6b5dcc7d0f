//! The columns of a result set, owned and reusable.

#[cfg(feature = "serde")]
mod fields;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

#[cfg(feature = "serde")]
use self::fields::Fields;
use crate::value::{Format, Integer, Kind};
use crate::wire::binary_row::{BinaryCells, Layout};
use crate::wire::code::BINARY_COLLATION;
use crate::wire::{ColumnDefinition, ColumnFlags, ColumnType, ExtendedMetadata};

/// The columns of one result set, in their order.
///
/// All names stand in one buffer, which the connection uses again for the next result set.
#[derive(Clone, Default)]
pub struct Columns {
    text: Vec<u8>,
    list: Vec<ColumnInfo>,
    /// The first column behind which, itself included, each value of a text row is text.
    text_from: usize,
    /// The same of a binary row.
    binary_text_from: usize,
    #[cfg(feature = "serde")]
    fields: Fields,
}

/// One column's definition; its names are ranges of [`Columns::text`].
#[derive(Clone, Debug)]
pub struct ColumnInfo {
    pub(crate) kind: Kind,
    pub(crate) integer: Integer,
    /// From 0.
    pub(crate) place: usize,
    pub(crate) column_type: ColumnType,
    pub(crate) layout: Layout,
    pub(crate) flags: ColumnFlags,
    pub(crate) decimals: u8,
    pub(crate) collation: u16,
    pub(crate) length: u32,
    /// SQL's name of the type behind one that others have as well.
    extended_name: Option<&'static str>,
    /// Where each text ends: catalog, schema, table, org_table, name, org_name, extended.
    start: usize,
    ends: [usize; 7],
}

impl Columns {
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.list.clear();
        self.text_from = 0;
        self.binary_text_from = 0;
        #[cfg(feature = "serde")]
        {
            self.fields = Fields::default();
        }
    }

    pub(crate) fn push(&mut self, definition: &ColumnDefinition<'_>) {
        let start = self.text.len();
        let texts = [
            definition.catalog,
            definition.schema,
            definition.table,
            definition.org_table,
            definition.name,
            definition.org_name,
            definition.extended.encoded(),
        ];
        let ends = texts.map(|text| {
            self.text.extend_from_slice(text);
            self.text.len()
        });
        let kind = Kind::of(definition);
        let layout = Layout::of(definition.column_type);
        let place = self.list.len();
        if matches!(kind, Kind::Foreign | Kind::Bytes | Kind::Bit | Kind::Packed | Kind::Unknown) {
            self.text_from = place + 1;
        }
        if !matches!(kind, Kind::Text | Kind::Decimal) || layout != Layout::LengthEncoded {
            self.binary_text_from = place + 1;
        }
        self.list.push(ColumnInfo {
            kind,
            integer: Integer::of(definition),
            place,
            column_type: definition.column_type,
            layout,
            flags: definition.flags,
            decimals: definition.decimals,
            collation: definition.collation,
            length: definition.length,
            extended_name: match kind {
                Kind::Text | Kind::Foreign | Kind::Bytes => extended_name(definition.extended),
                _ => None,
            },
            start,
            ends,
        });
    }

    /// The bytes of all names, which the metadata limit counts.
    pub(crate) fn text_len(&self) -> usize {
        self.text.len()
    }

    pub(crate) fn infos(&self) -> &[ColumnInfo] {
        &self.list
    }

    #[cfg(feature = "serde")]
    pub(crate) fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Whether a payload cannot be a row of the binary protocol, as far as the types are known.
    pub(crate) fn is_no_binary_row(&self, payload: &[u8]) -> bool {
        let Ok(mut cells) = BinaryCells::new(payload, self.list.len()) else { return true };
        if self.list.iter().any(|info| info.layout == Layout::Unknown) {
            return false;
        }
        let whole = self.list.iter().all(|info| cells.next_cell(info.layout).is_ok());
        !whole || cells.finish().is_err()
    }

    /// The first column behind which, itself included, each value of a row is text.
    pub(crate) const fn text_from(&self, format: Format) -> usize {
        match format {
            Format::Text => self.text_from,
            Format::Binary => self.binary_text_from,
        }
    }

    /// How many columns there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none: the statement returned no result set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The column at a place, from 0.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Column<'_>> {
        Some(Column { columns: self, info: self.list.get(index)? })
    }

    /// The place of the first column of this name; letters count as they are. Cost: a look at
    /// each name, so do it once per result set rather than once per row.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.iter().position(|column| column.name_bytes() == name.as_bytes())
    }

    /// The columns in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Column<'_>> + '_ {
        self.list.iter().map(|info| Column { columns: self, info })
    }

    /// All names, for error messages.
    pub(crate) fn names(&self) -> String {
        let names: Vec<_> = self.iter().map(|column| format!("`{}`", column.name())).collect();
        names.join(", ")
    }
}

impl fmt::Debug for Columns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// A column of a result set.
#[derive(Clone, Copy)]
pub struct Column<'c> {
    columns: &'c Columns,
    info: &'c ColumnInfo,
}

impl<'c> Column<'c> {
    const SCHEMA: usize = 1;
    const TABLE: usize = 2;
    const ORG_TABLE: usize = 3;
    const NAME: usize = 4;
    const ORG_NAME: usize = 5;
    const EXTENDED: usize = 6;

    /// The name in the result set: the alias if there is one. Bytes that are not UTF-8 are
    /// replaced; [`name_bytes`](Self::name_bytes) has them as they came.
    #[must_use]
    pub fn name(&self) -> Cow<'c, str> {
        String::from_utf8_lossy(self.name_bytes())
    }

    /// The name as it came.
    #[must_use]
    pub fn name_bytes(&self) -> &'c [u8] {
        self.text(Self::NAME)
    }

    /// The column's own name; empty for an expression.
    #[must_use]
    pub fn org_name(&self) -> Cow<'c, str> {
        String::from_utf8_lossy(self.text(Self::ORG_NAME))
    }

    /// The table's alias.
    #[must_use]
    pub fn table(&self) -> Cow<'c, str> {
        String::from_utf8_lossy(self.text(Self::TABLE))
    }

    /// The table's own name; empty for an expression.
    #[must_use]
    pub fn org_table(&self) -> Cow<'c, str> {
        String::from_utf8_lossy(self.text(Self::ORG_TABLE))
    }

    /// The table's database.
    #[must_use]
    pub fn schema(&self) -> Cow<'c, str> {
        String::from_utf8_lossy(self.text(Self::SCHEMA))
    }

    /// The type on the wire.
    #[must_use]
    pub const fn column_type(&self) -> ColumnType {
        self.info.column_type
    }

    /// The type as SQL calls it, such as `BIGINT UNSIGNED`, as far as the wire tells: MariaDB's UUID,
    /// INET4, INET6 and JSON by their [extended](Self::extended) names, geometries as GEOMETRY, and
    /// MariaDB's VECTOR as VARBINARY.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        type_name(self.info)
    }

    /// The column's flags.
    #[must_use]
    pub const fn flags(&self) -> ColumnFlags {
        self.info.flags
    }

    /// The collation's id; 63 marks bytes for string types and means nothing for others.
    #[must_use]
    pub const fn collation(&self) -> u16 {
        self.info.collation
    }

    /// The longest value, in bytes.
    #[must_use]
    pub const fn length(&self) -> u32 {
        self.info.length
    }

    /// Digits behind the point or of a fraction of a second; 31 when not fixed.
    #[must_use]
    pub const fn decimals(&self) -> u8 {
        self.info.decimals
    }

    /// MariaDB's extended type information.
    #[must_use]
    pub fn extended(&self) -> ExtendedMetadata<'c> {
        ExtendedMetadata::decode(self.text(Self::EXTENDED)).unwrap_or_default()
    }

    fn text(&self, which: usize) -> &'c [u8] {
        let ends = &self.info.ends;
        let start = which.checked_sub(1).and_then(|before| ends.get(before).copied());
        let range = Range {
            start: start.unwrap_or(self.info.start),
            end: ends.get(which).copied().unwrap_or(self.info.start),
        };
        self.columns.text.get(range).unwrap_or_default()
    }
}

impl fmt::Debug for Column<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Column")
            .field("name", &self.name())
            .field("column_type", &self.column_type())
            .field("flags", &self.flags())
            .field("collation", &self.collation())
            .finish_non_exhaustive()
    }
}

/// SQL's name of a type that MariaDB sends as a string.
fn extended_name(extended: ExtendedMetadata<'_>) -> Option<&'static str> {
    let (name, format) = (ExtendedMetadata::TYPE_NAME, ExtendedMetadata::FORMAT_NAME);
    match (extended.get(name), extended.get(format)) {
        (Some(b"uuid"), _) => Some("UUID"),
        (Some(b"inet4"), _) => Some("INET4"),
        (Some(b"inet6"), _) => Some("INET6"),
        (_, Some(b"json")) => Some("JSON"),
        _ => None,
    }
}

/// SQL's name of a column's type.
pub(crate) fn type_name(info: &ColumnInfo) -> &'static str {
    if let Some(name) = info.extended_name {
        return name;
    }
    let unsigned = info.flags.contains(ColumnFlags::UNSIGNED);
    let binary = info.collation == BINARY_COLLATION;
    let pick = |yes, no, which| if which { yes } else { no };
    match info.column_type {
        ColumnType::TINY => pick("TINYINT UNSIGNED", "TINYINT", unsigned),
        ColumnType::SHORT => pick("SMALLINT UNSIGNED", "SMALLINT", unsigned),
        ColumnType::INT24 => pick("MEDIUMINT UNSIGNED", "MEDIUMINT", unsigned),
        ColumnType::LONG => pick("INT UNSIGNED", "INT", unsigned),
        ColumnType::LONGLONG => pick("BIGINT UNSIGNED", "BIGINT", unsigned),
        ColumnType::FLOAT => "FLOAT",
        ColumnType::DOUBLE => "DOUBLE",
        ColumnType::DECIMAL | ColumnType::NEWDECIMAL => "DECIMAL",
        ColumnType::NULL => "NULL",
        ColumnType::TIMESTAMP => "TIMESTAMP",
        ColumnType::DATE | ColumnType::NEWDATE => "DATE",
        ColumnType::TIME => "TIME",
        ColumnType::DATETIME => "DATETIME",
        ColumnType::YEAR => "YEAR",
        ColumnType::BIT => "BIT",
        ColumnType::JSON => "JSON",
        ColumnType::VECTOR => "VECTOR",
        ColumnType::GEOMETRY => "GEOMETRY",
        ColumnType::ENUM => "ENUM",
        ColumnType::SET => "SET",
        ColumnType::TINY_BLOB
        | ColumnType::MEDIUM_BLOB
        | ColumnType::LONG_BLOB
        | ColumnType::BLOB => pick("BLOB", "TEXT", binary),
        ColumnType::VAR_STRING | ColumnType::VARCHAR => pick("VARBINARY", "VARCHAR", binary),
        ColumnType::STRING if info.flags.contains(ColumnFlags::ENUM) => "ENUM",
        ColumnType::STRING if info.flags.contains(ColumnFlags::SET) => "SET",
        ColumnType::STRING => pick("BINARY", "CHAR", binary),
        _ => "unknown type",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Capabilities;

    #[test]
    fn every_text_is_found_again() {
        let mut columns = Columns::default();
        for name in ["id", "name"] {
            let definition = ColumnDefinition {
                catalog: b"def",
                schema: b"shop",
                table: b"u",
                org_table: b"users",
                name: name.as_bytes(),
                org_name: b"own",
                extended: ExtendedMetadata::default(),
                collation: 45,
                length: 128,
                column_type: ColumnType::VAR_STRING,
                flags: ColumnFlags::NOT_NULL,
                decimals: 0,
            };
            let mut payload = Vec::new();
            definition.encode(Capabilities::NONE, &mut payload);
            columns.push(&ColumnDefinition::decode(&payload, Capabilities::NONE).unwrap());
        }
        let column = columns.get(1).unwrap();
        assert_eq!(column.name(), "name");
        assert_eq!(column.org_name(), "own");
        assert_eq!(column.schema(), "shop");
        assert_eq!(column.table(), "u");
        assert_eq!(column.org_table(), "users");
        assert_eq!(column.type_name(), "VARCHAR");
        assert_eq!(columns.position("name"), Some(1));
        assert_eq!(columns.position("Name"), None);
        assert_eq!(columns.names(), "`id`, `name`");
        assert!(columns.get(2).is_none());
    }

    #[test]
    fn r33_types_behind_strings_have_their_own_names() {
        let (name, format) = (ExtendedMetadata::TYPE_NAME, ExtendedMetadata::FORMAT_NAME);
        for (pairs, column_type, expected) in [
            (&[(name, &b"uuid"[..])][..], ColumnType::STRING, "UUID"),
            (&[(name, b"inet4")], ColumnType::STRING, "INET4"),
            (&[(7, b"?"), (name, b"inet6")], ColumnType::STRING, "INET6"),
            (&[(format, b"json")], ColumnType::BLOB, "JSON"),
            (&[(format, b"json")], ColumnType::VAR_STRING, "JSON"),
            (&[(format, b"xml"), (name, b"later")], ColumnType::VAR_STRING, "VARCHAR"),
            // What is no string is what the wire says.
            (&[(name, b"uuid")], ColumnType::LONG, "INT"),
            (&[(name, b"point")], ColumnType::GEOMETRY, "GEOMETRY"),
        ] {
            let mut encoded = Vec::new();
            for (kind, value) in pairs {
                ExtendedMetadata::push(&mut encoded, *kind, value);
            }
            let mut columns = Columns::default();
            columns.push(&ColumnDefinition {
                catalog: b"def",
                schema: b"",
                table: b"",
                org_table: b"",
                name: b"",
                org_name: b"",
                extended: ExtendedMetadata::decode(&encoded).unwrap(),
                collation: 45,
                length: 0,
                column_type,
                flags: ColumnFlags::default(),
                decimals: 0,
            });
            assert_eq!(columns.get(0).unwrap().type_name(), expected);
        }
    }
}
