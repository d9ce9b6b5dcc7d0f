//! The feature `serde`: rows as types that derive `Deserialize`.

use std::fmt;

use serde::de::value::{BorrowedBytesDeserializer, BorrowedStrDeserializer};
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Unexpected,
    Visitor,
};
use serde::forward_to_deserialize_any;

use super::{Cells, OwnedRow, Row};
use crate::error::{Error, Result, UsageError, ValueError};
use crate::value::{FromValue, Kind, RawValue};
use crate::wire::ColumnFlags;

impl<'r> Row<'r> {
    /// Reads the row as a type that derives serde's `Deserialize`.
    ///
    /// Structs and maps take columns by name; tuples, tuple structs and sequences by place; any
    /// other type takes the value of the only column. Columns that the type does not know are
    /// skipped, unless it has `deny_unknown_fields`.
    ///
    /// Values follow the rules of [`FromValue`], and `&str` and `&[u8]` borrow from the row. Enums
    /// of unit variants are read from text, `Vec<u8>` from bytes, `Vec<f32>` from a VECTOR; dates,
    /// times and DECIMAL are text, as servers show them.
    ///
    /// Cost: no allocation beyond those of the type. Names are compared for every row, so
    /// [`decode`](Self::decode) is faster.
    pub fn deserialize<T: Deserialize<'r>>(&self) -> Result<T> {
        T::deserialize(RowDeserializer(*self)).map_err(|fault| match fault {
            Fault::Error(error) => error,
            Fault::Message(message) => {
                let columns = self.columns().names();
                let message = format!("{message}; the columns are: {}", columns.escape_debug());
                UsageError::Deserialize { message: message.into() }.into()
            }
        })
    }
}

impl OwnedRow {
    /// See [`Row::deserialize`].
    pub fn deserialize<'r, T: Deserialize<'r>>(&'r self) -> Result<T> {
        self.as_row().deserialize()
    }
}

/// Why deserializing failed.
#[derive(Debug)]
enum Fault {
    Error(Error),
    /// What serde says, not yet about a column.
    Message(String),
}

impl serde::de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Message(message.to_string())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => error.fmt(f),
            Self::Message(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Fault {}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

struct RowDeserializer<'r>(Row<'r>);

impl<'r> RowDeserializer<'r> {
    /// The value of the only column.
    fn only(self) -> Result<CellDeserializer<'r>, Fault> {
        super::check_columns(&self.0, 1)?;
        let mut cells = self.0.cells();
        let cell = CellDeserializer::next(&mut cells)?;
        cells.finish()?;
        Ok(cell)
    }

    fn walk(self) -> CellWalk<'r> {
        CellWalk { cells: self.0.cells() }
    }
}

macro_rules! only {
    ($($method:ident)+) => {
        $(fn $method<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Fault> {
            let cell = self.only()?;
            cell.named(|cell| cell.$method(visitor))
        })+
    };
}

impl<'r> Deserializer<'r> for RowDeserializer<'r> {
    type Error = Fault;

    only! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_i128 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_u128 deserialize_f32 deserialize_f64 deserialize_char deserialize_str
        deserialize_string deserialize_bytes deserialize_byte_buf deserialize_unit
        deserialize_identifier
    }

    fn deserialize_any<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_map(self.walk())
    }

    fn deserialize_map<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_map(self.walk())
    }

    fn deserialize_struct<V: Visitor<'r>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_map(self.walk())
    }

    fn deserialize_seq<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_seq(self.walk())
    }

    fn deserialize_tuple<V: Visitor<'r>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        super::check_columns(&self.0, length)?;
        visitor.visit_seq(self.walk())
    }

    fn deserialize_tuple_struct<V: Visitor<'r>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'r>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    /// Of one column, the value or NULL; of several, the row.
    fn deserialize_option<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.0.columns().len() != 1 {
            return visitor.visit_some(self);
        }
        self.only()?.named(|cell| cell.deserialize_option(visitor))
    }

    fn deserialize_unit_struct<V: Visitor<'r>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.only()?.named(|cell| cell.deserialize_unit_struct(name, visitor))
    }

    fn deserialize_enum<V: Visitor<'r>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.only()?.named(|cell| cell.deserialize_enum(name, variants, visitor))
    }

    fn deserialize_ignored_any<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }
}

/// The values of a row in their order, with or without their names.
struct CellWalk<'r> {
    cells: Cells<'r>,
}

impl CellWalk<'_> {
    /// Whether all values are read; the row has to end there (E-76).
    fn is_over(&self) -> Result<bool, Fault> {
        if !self.cells.infos.is_empty() {
            return Ok(false);
        }
        self.cells.finish()?;
        Ok(true)
    }
}

impl<'r> MapAccess<'r> for CellWalk<'r> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'r>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        if self.is_over()? {
            return Ok(None);
        }
        let name = name(&self.cells).map_or(&b""[..], |(_, name)| name);
        match std::str::from_utf8(name) {
            Ok(name) => seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some),
            Err(_) => seed.deserialize(BorrowedBytesDeserializer::new(name)).map(Some),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'r>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        CellDeserializer::next(&mut self.cells)?.named(|cell| seed.deserialize(cell))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.cells.infos.len())
    }
}

impl<'r> SeqAccess<'r> for CellWalk<'r> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'r>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        if self.is_over()? {
            return Ok(None);
        }
        CellDeserializer::next(&mut self.cells)?.named(|cell| seed.deserialize(cell)).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.cells.infos.len())
    }
}

/// The place and the name of the column that is next.
fn name<'r>(cells: &Cells<'r>) -> Option<(usize, &'r [u8])> {
    let index = cells.columns.len() - cells.infos.len();
    Some((index, cells.columns.get(index)?.name_bytes()))
}

#[derive(Clone, Copy)]
struct CellDeserializer<'r> {
    /// The walk in front of this value, which knows its column.
    before: Cells<'r>,
    value: Option<RawValue<'r>>,
}

impl<'r> CellDeserializer<'r> {
    fn next(cells: &mut Cells<'r>) -> Result<Self, Fault> {
        let before = *cells;
        let (info, bytes) = cells.next_value()?;
        let format = before.walk.format();
        Ok(Self { before, value: bytes.map(|bytes| RawValue::new(bytes, info, format)) })
    }

    /// Does something with the value; what serde says against it gets the column's name.
    fn named<T>(self, read: impl FnOnce(Self) -> Result<T, Fault>) -> Result<T, Fault> {
        read(self).map_err(|fault| match fault {
            Fault::Error(error) => Fault::Error(error),
            Fault::Message(message) => {
                let (index, name) = name(&self.before).unwrap_or_default();
                let name = String::from_utf8_lossy(name);
                let message = format!("column {index} `{}`: {message}", name.escape_debug());
                Fault::Error(UsageError::Deserialize { message: message.into() }.into())
            }
        })
    }

    fn read<T: FromValue<'r>>(&self) -> Result<T, Fault> {
        let value = match self.value {
            Some(value) => T::from_value(value),
            None => T::from_null(),
        };
        value.map_err(|reason| self.error::<T>(reason))
    }

    fn error<T>(&self, reason: ValueError) -> Fault {
        Fault::Error(self.before.column_error(reason, std::any::type_name::<T>()))
    }

    fn kind(&self) -> Option<Kind> {
        self.value.map(|value| value.kind())
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $type:ty;)+) => {
        $(fn $method<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Fault> {
            visitor.$visit(self.read::<$type>()?)
        })+
    };
}

impl<'r> Deserializer<'r> for CellDeserializer<'r> {
    type Error = Fault;

    numbers! {
        deserialize_bool visit_bool bool;
        deserialize_i8 visit_i8 i8;
        deserialize_i16 visit_i16 i16;
        deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64;
        deserialize_i128 visit_i128 i128;
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
        deserialize_u128 visit_u128 u128;
        deserialize_f32 visit_f32 f32;
        deserialize_f64 visit_f64 f64;
        deserialize_bytes visit_borrowed_bytes &'r [u8];
        deserialize_byte_buf visit_borrowed_bytes &'r [u8];
    }

    fn deserialize_any<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Fault> {
        let Some(value) = self.value else { return visitor.visit_unit() };
        match value.kind() {
            Kind::Integer if value.flags().contains(ColumnFlags::UNSIGNED) => {
                self.deserialize_u64(visitor)
            }
            Kind::Integer => self.deserialize_i64(visitor),
            Kind::Bit => self.deserialize_u64(visitor),
            Kind::Float => self.deserialize_f32(visitor),
            Kind::Double => self.deserialize_f64(visitor),
            Kind::Decimal | Kind::Text | Kind::Temporal => self.deserialize_str(visitor),
            Kind::Foreign | Kind::Bytes | Kind::Packed | Kind::Unknown => {
                self.deserialize_bytes(visitor)
            }
        }
    }

    fn deserialize_str<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.kind() {
            Some(Kind::Integer | Kind::Float | Kind::Double | Kind::Temporal) => {
                visitor.visit_string(self.read()?)
            }
            _ => visitor.visit_borrowed_str(self.read()?),
        }
    }

    fn deserialize_string<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            None => visitor.visit_none(),
            Some(_) => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            None => visitor.visit_unit(),
            Some(_) => Err(self.error::<()>(ValueError::Type)),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'r>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'r>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'r>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_enum(BorrowedStrDeserializer::new(self.read()?))
    }

    fn deserialize_seq<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_seq(Elements { bytes: self.read()? })
    }

    fn deserialize_tuple<V: Visitor<'r>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        let mut elements = Elements { bytes: self.read()? };
        let value: V::Value = visitor.visit_seq(&mut elements)?;
        if elements.bytes.is_empty() { Ok(value) } else { Err(Fault::custom("it is longer")) }
    }

    fn deserialize_tuple_struct<V: Visitor<'r>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_map<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Fault> {
        Err(Fault::invalid_type(Unexpected::Other("a column's value"), &visitor))
    }

    fn deserialize_struct<V: Visitor<'r>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_map(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }
}

/// The elements of bytes, each as wide as the type that asks for it: `u8`, and `f32` for a VECTOR,
/// which on MariaDB only the asker can tell from bytes.
struct Elements<'r> {
    bytes: &'r [u8],
}

impl<'r> SeqAccess<'r> for Elements<'r> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'r>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        if self.bytes.is_empty() {
            return Ok(None);
        }
        seed.deserialize(&mut *self).map(Some)
    }
}

impl<'r> Deserializer<'r> for &mut Elements<'r> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'r>>(self, _: V) -> Result<V::Value, Fault> {
        Err(Fault::custom("its elements can only be read as `u8` or `f32`"))
    }

    fn deserialize_u8<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Fault> {
        let (&byte, rest) = self.bytes.split_first().ok_or_else(|| Fault::custom("it ends"))?;
        self.bytes = rest;
        visitor.visit_u8(byte)
    }

    fn deserialize_f32<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Fault> {
        let Some((bytes, rest)) = self.bytes.split_first_chunk() else {
            return Err(Fault::custom("its length is no multiple of 4"));
        };
        self.bytes = rest;
        visitor.visit_f32(f32::from_le_bytes(*bytes))
    }

    forward_to_deserialize_any! {
        <W: Visitor<'r>>
        bool i8 i16 i32 i64 i128 u16 u32 u64 u128 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests;
