//! The feature `serde`: rows as types that derive `Deserialize`.

use std::fmt;

use serde::de::value::{BorrowedBytesDeserializer, BorrowedStrDeserializer};
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;

use self::only::Only;
use super::{Cells, OwnedRow, Row, Walk, column_error};
use crate::columns::ColumnInfo;
use crate::error::{Error, Result, UsageError, ValueError};
use crate::value::{FromValue, Kind};
use crate::wire::ColumnFlags;
use crate::wire::binary_row::Layout;

impl<'r> Row<'r> {
    /// Reads the row as a type that derives serde's `Deserialize`.
    ///
    /// Structs and maps take columns by name; tuples, tuple structs and sequences by place; any
    /// other type takes the value of the only column. An `Option` of one column is `None` for NULL, and
    /// otherwise its value, or the row if that is to be a struct or a map; of several columns it is always
    /// `Some`, of a row whose values are all NULL as well. Columns that the type does not know are
    /// skipped, unless it has `deny_unknown_fields`; two columns for one field are an error, and in
    /// a map the last one of a name holds. Names count as they are, letters included.
    ///
    /// Values follow the rules of [`FromValue`], and `&str` and `&[u8]` borrow from the row. Enums
    /// of unit variants are read from text, `Vec<u8>` from bytes, `Vec<f32>` from a VECTOR; dates,
    /// times and DECIMAL are text, as servers show them.
    ///
    /// Cost: no allocation beyond those of the type. Which column is which field is found out at
    /// the second row of a result set, with one allocation and each value read twice more, and as often
    /// again as there are second names (`alias`) before it, and holds for all further rows that are
    /// read as the same type: a struct's owned values of that row are allocated as often. A row that
    /// fails is read once more before that is told. Names are compared for every
    /// row where that cannot be told: for maps, structs with `flatten`, a result set's second type,
    /// and types whose own `Deserialize` takes names alone. Tuples by [`decode`](Self::decode) are
    /// faster still.
    pub fn deserialize<T: Deserialize<'r>>(&self) -> Result<T> {
        let (fields, of) = (self.columns.fields(), code_of::<T>());
        let keys = fields.places(of).map_or(Keys::Names, Keys::Places);
        match T::deserialize(RowDeserializer { row: *self, keys }) {
            Ok(value) => {
                if fields.note(of) {
                    fields.keep(self.places_in::<T>());
                }
                Ok(value)
            }
            Err(_) if matches!(keys, Keys::Places(_)) => self.deserialize_by_names(),
            Err(fault) => Err(self.explain(fault)),
        }
    }

    /// A type whose own code takes places in one row's way and not in another's is taken at its
    /// word, which is names.
    #[cold]
    fn deserialize_by_names<T: Deserialize<'r>>(&self) -> Result<T> {
        let names = RowDeserializer { row: *self, keys: Keys::Names };
        T::deserialize(names).map_err(|fault| self.explain(fault))
    }

    #[cold]
    fn explain(&self, fault: Fault) -> Error {
        match fault {
            Fault::Error(error) => error,
            message => {
                let columns = self.columns().names();
                let message = format!("{message}; the columns are: {}", columns.escape_debug());
                UsageError::Deserialize { message: message.into() }.into()
            }
        }
    }

    /// For each column the place of its field in the type, as the type itself proves it with this
    /// row's values.
    #[cold]
    fn places_in<T: Deserialize<'r>>(&self) -> Box<[Option<u32>]> {
        let mut cells = self.cells();
        let places = self.columns.infos().iter().map(|_| {
            let place = self.place_in::<T>(cells)?;
            Ok(cells.skip().ok().and(place))
        });
        let nothing = |NoStruct| self.columns.infos().iter().map(|_| None).collect();
        places.collect::<Result<_, _>>().unwrap_or_else(nothing)
    }

    /// The place of the field that the next column is; `None` if only its name tells.
    ///
    /// Types that derive `Deserialize` take a field's place for its name, and refuse to take a field
    /// twice. So each is offered this column's value by name, and then something at a place: it is
    /// the same field if that is refused as the second of two. The place is that of the name among
    /// all names, or before it, as many of them as are second names of a field before. A type that
    /// refuses a place that no field has in the same way has proved nothing.
    fn place_in<T: Deserialize<'r>>(&self, column: Cells<'r>) -> Result<Option<u32>, NoStruct> {
        let mut before = 0;
        let place = loop {
            match self.outcome::<T>(Trial { column, offer: Offer::Before(before) }) {
                Some(Fault::SameField(place)) => break place,
                Some(Fault::OtherField) => before += 1,
                Some(Fault::NoStruct) => return Err(NoStruct),
                _ => return Ok(None),
            }
        };
        Ok(match self.outcome::<T>(Trial { column, offer: Offer::NoField }) {
            Some(Fault::SameField(_)) => None,
            _ => u32::try_from(place).ok(),
        })
    }

    fn outcome<T: Deserialize<'r>>(&self, trial: Trial<'r>) -> Option<Fault> {
        T::deserialize(RowDeserializer { row: *self, keys: Keys::Trial(trial) }).err()
    }
}

/// A type is not taken as a struct, so no places are known for it.
struct NoStruct;

/// Tells types apart: by the address of the code that takes them from a row, which is the same only
/// for types that take them in the same way. (`TypeId` is not for types that borrow.)
fn code_of<'r, T: Deserialize<'r>>() -> usize {
    let code: fn(RowDeserializer<'r>) -> Result<T, Fault> = T::deserialize;
    #[expect(clippy::as_conversions, reason = "the only way to an address")]
    let address = code as *const ();
    address.addr()
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
    /// Several columns for a field.
    Duplicate(&'static str),
    /// A trial's outcome: the field that was tried is the column's, and at this place.
    SameField(usize),
    /// A trial's outcome: it is another one.
    OtherField,
    /// A trial's outcome: the type is no struct with known fields.
    NoStruct,
}

impl serde::de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Message(message.to_string())
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::Duplicate(field)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => error.fmt(f),
            Self::Message(message) => f.write_str(message),
            Self::Duplicate(field) => write!(
                f,
                "duplicate field `{}`: several columns are for it, so give them other names with `AS`",
                field.escape_debug()
            ),
            Self::SameField(_) | Self::OtherField | Self::NoStruct => {
                f.write_str("a field was tried")
            }
        }
    }
}

impl std::error::Error for Fault {}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

struct RowDeserializer<'r> {
    row: Row<'r>,
    keys: Keys<'r>,
}

/// What a struct is told of each of its columns.
#[derive(Clone, Copy)]
enum Keys<'r> {
    /// The name.
    Names,
    /// The field's place in the type, for each column where it is known.
    Places(&'r [Option<u32>]),
    /// It is told something else, to see what it does.
    Trial(Trial<'r>),
}

/// See [`Row::place_in`].
#[derive(Clone, Copy)]
struct Trial<'r> {
    /// In front of the column's value.
    column: Cells<'r>,
    offer: Offer,
}

/// What a trial offers as a second field.
#[derive(Clone, Copy)]
enum Offer {
    /// The place that is so many before that of the column's name.
    Before(usize),
    /// A place that no field has.
    NoField,
}

impl<'r> RowDeserializer<'r> {
    /// Reads the value of the only column.
    fn only<T>(
        self,
        read: impl FnOnce(CellDeserializer<'_, 'r>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.refuse_trial()?;
        super::check_columns(&self.row, 1)?;
        let mut cells = self.row.cells();
        let value = deserialize_cell(&mut cells, read)?;
        cells.finish()?;
        Ok(value)
    }

    /// Ends a trial of what is no struct before anything is read.
    fn refuse_trial(&self) -> Result<(), Fault> {
        match self.keys {
            Keys::Trial(_) => Err(Fault::NoStruct),
            Keys::Names | Keys::Places(_) => Ok(()),
        }
    }

    fn walk(self) -> CellWalk<'r> {
        let places = match self.keys {
            Keys::Places(places) => places,
            Keys::Names | Keys::Trial(_) => &[],
        };
        CellWalk { cells: self.row.cells(), places }
    }
}

/// For what has `only`.
macro_rules! only {
    ($($method:ident)+) => {
        $(fn $method<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Fault> {
            self.only(|cell| cell.$method(visitor))
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
        self.deserialize_map(visitor)
    }

    fn deserialize_map<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.refuse_trial()?;
        visitor.visit_map(self.walk())
    }

    fn deserialize_struct<V: Visitor<'r>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.keys {
            Keys::Trial(trial) => trial.run(fields, visitor),
            _ => visitor.visit_map(self.walk()),
        }
    }

    fn deserialize_seq<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.refuse_trial()?;
        visitor.visit_seq(self.walk())
    }

    fn deserialize_tuple<V: Visitor<'r>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.refuse_trial()?;
        super::check_columns(&self.row, length)?;
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

    /// A row is always something, unless NULL is all that it is.
    fn deserialize_option<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.row.columns().len() != 1 || matches!(self.keys, Keys::Trial(_)) {
            return visitor.visit_some(self);
        }
        let mut null = self.row.cells();
        let is_null = deserialize_cell(&mut null, |mut cell| cell.take_null())?;
        match is_null {
            true => self.only(|cell| cell.deserialize_option(visitor)),
            false => visitor.visit_some(Only(self)),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'r>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.only(|cell| cell.deserialize_unit_struct(name, visitor))
    }

    fn deserialize_enum<V: Visitor<'r>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.only(|cell| cell.deserialize_enum(name, variants, visitor))
    }

    fn deserialize_ignored_any<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.refuse_trial()?;
        visitor.visit_unit()
    }
}

/// The values of a row in their order, with or without their names.
struct CellWalk<'r> {
    cells: Cells<'r>,
    /// See [`Keys::Places`].
    places: &'r [Option<u32>],
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
        let next = self.cells.infos.first().map_or(0, |info| info.place);
        match self.places.get(next) {
            Some(&Some(place)) => seed.deserialize(place.into_deserializer()).map(Some),
            _ => deserialize_name(&self.cells, seed).map(Some),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'r>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        deserialize_cell(&mut self.cells, |cell| seed.deserialize(cell))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.cells.infos.len())
    }
}

/// Gives the name of the column that is next.
fn deserialize_name<'r, K: DeserializeSeed<'r>>(
    cells: &Cells<'r>,
    seed: K,
) -> Result<K::Value, Fault> {
    let name = name(cells).map_or(&b""[..], |(_, name)| name);
    match std::str::from_utf8(name) {
        Ok(name) => seed.deserialize(BorrowedStrDeserializer::new(name)),
        Err(_) => seed.deserialize(BorrowedBytesDeserializer::new(name)),
    }
}

impl<'r> Trial<'r> {
    fn run<V: Visitor<'r>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let Self { column, offer } = self;
        let (_, name) = name(&column).unwrap_or_default();
        let place = match offer {
            Offer::Before(before) => {
                let place = fields.iter().position(|field| field.as_bytes() == name);
                place.and_then(|place| place.checked_sub(before))
            }
            Offer::NoField => Some(fields.len()),
        };
        let Some(place) = place else {
            return Err(Fault::custom("no field has the name"));
        };
        let map = TrialMap { cells: column, place, keys: 0 };
        visitor.visit_map(map).map_err(|fault| match fault {
            Fault::Duplicate(_) => Fault::SameField(place),
            other => other,
        })
    }
}

/// A column by its name, and then a field by its place.
struct TrialMap<'r> {
    cells: Cells<'r>,
    place: usize,
    /// How many keys were given.
    keys: usize,
}

impl<'r> MapAccess<'r> for TrialMap<'r> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'r>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        self.keys += 1;
        match (self.keys, u32::try_from(self.place)) {
            (1, _) => deserialize_name(&self.cells, seed).map(Some),
            // Strict types refuse a place that no field has.
            (2, Ok(place)) => {
                let field = seed.deserialize(place.into_deserializer());
                field.map(Some).map_err(|_: Fault| Fault::OtherField)
            }
            _ => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'r>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        if self.keys > 1 {
            return Err(Fault::OtherField);
        }
        deserialize_cell(&mut self.cells, |cell| seed.deserialize(cell))
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
        deserialize_cell(&mut self.cells, |cell| seed.deserialize(cell)).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.cells.infos.len())
    }
}

/// The place and the name of the column that is next.
fn name<'r>(cells: &Cells<'r>) -> Option<(usize, &'r [u8])> {
    let index = cells.row.columns.len() - cells.infos.len();
    Some((index, cells.row.columns.get(index)?.name_bytes()))
}

/// Reads the next value as something; what serde says against it gets the column's name.
#[inline(always)]
fn deserialize_cell<'r, T>(
    cells: &mut Cells<'r>,
    read: impl FnOnce(CellDeserializer<'_, 'r>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let before = *cells;
    let Some(info) = before.infos.first() else {
        cells.skip()?;
        return Err(Fault::custom("no value is left"));
    };
    let reader = CellDeserializer { cells: &mut *cells, info };
    let value = read(reader).map_err(|fault| named(&before, fault));
    // Who wanted nothing of the value, or could not read it, did not take it, and may go on.
    if cells.infos.len() == before.infos.len() {
        *cells = before;
        if let Err(error) = cells.skip() {
            // There is nothing to go on with.
            (cells.walk, cells.infos) = (Walk::Broken, &[]);
            return value.and(Err(error.into()));
        }
    }
    value
}

/// Says which column a fault is about: the one behind `cells`.
#[cold]
fn named(cells: &Cells<'_>, fault: Fault) -> Fault {
    if let Fault::Error(error) = fault {
        return Fault::Error(error);
    }
    let (index, name) = name(cells).unwrap_or_default();
    let name = String::from_utf8_lossy(name);
    let message = format!("column {index} `{}`: {fault}", name.escape_debug());
    Fault::Error(UsageError::Deserialize { message: message.into() }.into())
}

/// The next value of a row; what reads it goes past it.
struct CellDeserializer<'c, 'r> {
    cells: &'c mut Cells<'r>,
    info: &'r ColumnInfo,
}

impl<'r> CellDeserializer<'_, 'r> {
    fn read<T: FromValue<'r>>(self) -> Result<T, Fault> {
        self.cells.read().map_err(Fault::Error)
    }

    /// Goes past the value if it is NULL.
    fn take_null(&mut self) -> Result<bool, Fault> {
        let null = match &mut self.cells.walk {
            Walk::Text(walk) => walk.cells.next_is_null(),
            Walk::Binary(walk) if self.info.layout != Layout::Nothing => walk.cells.next_is_null(),
            // A column of the type NULL has no bit of its own.
            Walk::Binary(_) => return Ok(self.cells.next_value()?.1.is_none()),
            Walk::Broken => return Err(self.cells.row_error().into()),
        };
        if null {
            self.cells.infos = self.cells.infos.get(1..).unwrap_or_default();
        }
        Ok(null)
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $type:ty;)+) => {
        $(fn $method<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, Fault> {
            visitor.$visit(self.read::<$type>()?)
        })+
    };
}

impl<'r> Deserializer<'r> for CellDeserializer<'_, 'r> {
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

    fn deserialize_any<V: Visitor<'r>>(mut self, visitor: V) -> Result<V::Value, Fault> {
        if self.take_null()? {
            return visitor.visit_unit();
        }
        match self.info.kind {
            Kind::Integer if self.info.flags.contains(ColumnFlags::UNSIGNED) => {
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
        match self.info.kind {
            Kind::Integer | Kind::Float | Kind::Double | Kind::Temporal => {
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

    fn deserialize_option<V: Visitor<'r>>(mut self, visitor: V) -> Result<V::Value, Fault> {
        if self.take_null()? { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_unit<V: Visitor<'r>>(mut self, visitor: V) -> Result<V::Value, Fault> {
        if self.take_null()? {
            return visitor.visit_unit();
        }
        let (cells, rust_type) = (&*self.cells, std::any::type_name::<()>());
        Err(column_error(cells.row.columns, cells.index(), ValueError::Type, rust_type).into())
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

mod only;

#[cfg(test)]
mod tests;
