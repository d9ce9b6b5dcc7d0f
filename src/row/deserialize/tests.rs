//! Rows as types that derive `Deserialize`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::*;
use crate::columns::Columns;
use crate::value::Format;
use crate::wire::writer::Put;
use crate::wire::{ColumnDefinition, ColumnType, ExtendedMetadata};

type Cell<'c> = (&'c [u8], ColumnType, Option<&'c [u8]>);

/// A row of the text protocol. Blobs are bytes.
fn row(cells: &[Cell<'_>]) -> OwnedRow {
    let mut columns = Columns::default();
    let mut payload = Vec::new();
    for (name, column_type, value) in cells {
        let bytes = *column_type == ColumnType::BLOB;
        columns.push(&ColumnDefinition {
            catalog: b"def",
            schema: b"",
            table: b"",
            org_table: b"",
            name,
            org_name: b"",
            extended: ExtendedMetadata::default(),
            collation: if bytes { 63 } else { 45 },
            length: 0,
            column_type: *column_type,
            flags: ColumnFlags::default(),
            decimals: 0,
        });
        match value {
            Some(value) => payload.put_lenenc_bytes(value),
            None => payload.push(0xFB),
        }
    }
    Row::new(&payload, &Arc::new(columns), Format::Text).to_owned()
}

fn error<T: for<'r> Deserialize<'r>>(row: &OwnedRow) -> String {
    match row.deserialize::<T>() {
        Ok(_) => panic!("it was deserialized"),
        Err(error) => {
            assert!(!error.is_fatal());
            error.to_string()
        }
    }
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Size {
    Small,
    Large,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Id(u64);

#[derive(Debug, PartialEq, Deserialize)]
struct User<'r> {
    name: &'r str,
    id: Id,
    size: Size,
    score: Option<f64>,
    active: bool,
    #[serde(borrow)]
    key: &'r [u8],
    born: String,
    letter: char,
    vector: Vec<f32>,
    #[serde(default)]
    more: u8,
}

const USER: [Cell<'_>; 10] = [
    (b"id", ColumnType::LONGLONG, Some(b"7")),
    (b"name", ColumnType::VAR_STRING, Some(b"Ada")),
    (b"unknown", ColumnType::VAR_STRING, Some(b"\xFF")),
    (b"size", ColumnType::STRING, Some(b"large")),
    (b"score", ColumnType::DOUBLE, None),
    (b"active", ColumnType::TINY, Some(b"1")),
    (b"key", ColumnType::BLOB, Some(b"\0\xFF")),
    (b"born", ColumnType::DATE, Some(b"0000-00-00")),
    (b"letter", ColumnType::VAR_STRING, Some("ü".as_bytes())),
    (b"vector", ColumnType::BLOB, Some(&[0, 0, 0x80, 0x3F, 0, 0, 0, 0])),
];

#[test]
fn structs_take_columns_by_name_and_borrow() {
    let row = row(&USER);
    let user: User<'_> = row.deserialize().unwrap();
    assert_eq!(user.name, "Ada");
    assert_eq!(user.name.as_ptr(), row.get::<&str>("name").unwrap().as_ptr());
    assert_eq!(user.key.as_ptr(), row.get::<&[u8]>("key").unwrap().as_ptr());
    assert_eq!((user.id, user.size, user.score), (Id(7), Size::Large, None));
    assert_eq!((user.active, user.key, user.letter, user.more), (true, &b"\0\xFF"[..], 'ü', 0));
    assert_eq!((&*user.born, &user.vector[..]), ("0000-00-00", &[1.0, 0.0][..]));
}

#[test]
fn tuples_sequences_and_single_values_go_by_place() {
    let numbers = row(&[
        (b"a", ColumnType::LONG, Some(b"1")),
        (b"b", ColumnType::LONG, Some(b"-2")),
        (b"a", ColumnType::LONG, Some(b"3")),
    ]);
    assert_eq!(numbers.deserialize::<(u8, i64, i128)>().unwrap(), (1, -2, 3));
    assert_eq!(numbers.deserialize::<[i32; 3]>().unwrap(), [1, -2, 3]);
    assert_eq!(numbers.deserialize::<Vec<i8>>().unwrap(), [1, -2, 3]);
    let wrong = error::<(u8, i64)>(&numbers);
    assert_eq!(wrong, "the row has 3 columns, the type it is decoded into has 2");
    let map: BTreeMap<&str, i64> = numbers.deserialize().unwrap();
    assert_eq!(map, BTreeMap::from([("a", 3), ("b", -2)]));
    let one = row(&[(b"a", ColumnType::LONG, Some(b"5"))]);
    assert_eq!(one.deserialize::<u64>().unwrap(), 5);
    assert_eq!(one.deserialize::<Id>().unwrap(), Id(5));
    assert_eq!(one.deserialize::<Option<String>>().unwrap().as_deref(), Some("5"));
    let null = row(&[(b"a", ColumnType::LONG, None)]);
    assert_eq!(null.deserialize::<Option<u64>>().unwrap(), None);
    assert!(error::<u64>(&numbers).contains("has 3 columns"));
}

#[test]
fn an_option_is_null_or_the_value_or_the_row() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct One {
        a: u8,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    struct Wrapped(One);
    #[derive(Debug, PartialEq, Deserialize)]
    struct Two {
        a: Option<u8>,
        b: Option<String>,
    }
    let five = row(&[(b"a", ColumnType::LONG, Some(b"5"))]);
    let null = row(&[(b"a", ColumnType::LONG, None)]);
    // Again and again: as it is told the names, and as it is told the places.
    for _ in 0..3 {
        assert_eq!(five.deserialize::<Option<One>>().unwrap(), Some(One { a: 5 }));
        assert_eq!(null.deserialize::<Option<One>>().unwrap(), None);
        assert_eq!(five.deserialize::<Option<Wrapped>>().unwrap(), Some(Wrapped(One { a: 5 })));
        assert_eq!(five.deserialize::<Option<Option<One>>>().unwrap(), Some(Some(One { a: 5 })));
        assert_eq!(five.deserialize::<Option<Id>>().unwrap(), Some(Id(5)));
        let map: Option<BTreeMap<String, u8>> = five.deserialize().unwrap();
        assert_eq!(map, Some(BTreeMap::from([("a".into(), 5)])));
    }
    let bytes = row(&[(b"a", ColumnType::BLOB, Some(b"\x01\x02"))]);
    assert_eq!(bytes.deserialize::<Option<Vec<u8>>>().unwrap(), Some(vec![1, 2]));
    assert_eq!(bytes.deserialize::<Option<[u8; 2]>>().unwrap(), Some([1, 2]));
    assert_eq!(bytes.deserialize::<Option<(u8, u8)>>().unwrap(), Some((1, 2)));
    let size = row(&[(b"a", ColumnType::VAR_STRING, Some(b"small"))]);
    assert_eq!(size.deserialize::<Option<Size>>().unwrap(), Some(Size::Small));
    let said = error::<Option<One>>(&row(&[(b"a", ColumnType::LONG, Some(b"300"))]));
    assert!(said.starts_with("column 0 `a` (INT) cannot be read as `u8`"), "{said}");
    let said = error::<Option<One>>(&row(&[(b"b", ColumnType::LONG, Some(b"5"))]));
    assert_eq!(said, "the row cannot be deserialized: missing field `a`; the columns are: `b`");
    // Several columns are a row, whatever they hold.
    let nulls = row(&cells(None, None));
    for _ in 0..3 {
        let two = nulls.deserialize::<Option<Two>>().unwrap();
        assert_eq!(two, Some(Two { a: None, b: None }));
    }
    assert!(error::<Option<u8>>(&nulls).contains("has 2 columns"));
}

fn cells<'c>(a: Option<&'c [u8]>, b: Option<&'c [u8]>) -> [Cell<'c>; 2] {
    [(b"a", ColumnType::LONG, a), (b"b", ColumnType::VAR_STRING, b)]
}

#[test]
fn errors_name_the_column() {
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only its errors matter")]
    struct Small {
        a: u8,
        b: String,
    }
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its errors matter")]
    struct Strict {
        a: u8,
    }
    let one = Some(&b"1"[..]);
    let wide = error::<Small>(&row(&cells(Some(b"300"), one)));
    let said = "column 0 `a` (INT) cannot be read as `u8`: its value is out of range; ask for \
                a wider type";
    assert_eq!(wide, said);
    let null = error::<Small>(&row(&cells(one, None)));
    assert!(null.starts_with("column 1 `b` (VARCHAR) cannot be read as"), "{null}");
    assert!(null.contains("it is NULL"), "{null}");
    let bytes = error::<Small>(&row(&cells(one, Some(b"\xFF"))));
    assert!(bytes.contains("not UTF-8"), "{bytes}");
    assert_eq!(
        error::<Small>(&row(&cells(one, one)[..1])),
        "the row cannot be deserialized: missing field `b`; the columns are: `a`"
    );
    let twice = [cells(one, one)[0], cells(one, one)[0], cells(one, one)[1]];
    assert!(error::<Small>(&row(&twice)).contains("duplicate field `a`"));
    assert!(error::<Strict>(&row(&cells(one, one))).contains("unknown field `b`"));
    assert_eq!(
        error::<(u8, Size)>(&row(&cells(one, Some(b"huge")))),
        "the row cannot be deserialized: column 1 `b`: unknown variant `huge`, expected \
         `small` or `large`"
    );
    assert!(error::<(u8, (u8, u8))>(&row(&cells(one, Some(b"abc")))).contains("`b`: it is longer"));
    assert!(error::<(u8, Vec<f32>)>(&row(&cells(one, Some(b"abc")))).contains("multiple of 4"));
    assert!(error::<(u8, Vec<u16>)>(&row(&cells(one, one))).contains("`b`: its elements"));
    assert!(error::<(u8, Small)>(&row(&cells(one, one))).contains("`b`: invalid type"));
}

#[test]
fn e75_odd_names_are_no_obstacle() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct One {
        a: u8,
    }
    let odd = row(&[
        (b"\xFF", ColumnType::LONG, Some(b"9")),
        (b"", ColumnType::LONG, None),
        (b"a", ColumnType::LONG, Some(b"1")),
    ]);
    assert_eq!(odd.deserialize::<One>().unwrap(), One { a: 1 });
}

#[test]
fn untyped_targets_get_what_the_column_is() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(untagged)]
    enum Any {
        Number(i64),
        Double(f64),
        Text(String),
        Nothing(()),
    }
    let row = row(&[
        (b"a", ColumnType::LONG, Some(b"-1")),
        (b"b", ColumnType::DOUBLE, Some(b"1.5")),
        (b"c", ColumnType::NEWDECIMAL, Some(b"1.50")),
        (b"d", ColumnType::DATE, Some(b"2024-02-29")),
        (b"e", ColumnType::LONG, None),
    ]);
    let text = |text: &str| Any::Text(text.to_owned());
    assert_eq!(
        row.deserialize::<Vec<Any>>().unwrap(),
        [Any::Number(-1), Any::Double(1.5), text("1.50"), text("2024-02-29"), Any::Nothing(())]
    );
}

/// For each column the place of its field that the rows' second deserialization found out.
fn places<T: for<'r> Deserialize<'r>>(row: &OwnedRow) -> Option<Vec<Option<u32>>> {
    assert!(row.deserialize::<T>().is_ok());
    assert_eq!(row.columns.fields().places(code_of::<T>()), None, "one row does not pay");
    assert!(row.deserialize::<T>().is_ok());
    let places = row.columns.fields().places(code_of::<T>()).map(<[_]>::to_vec);
    assert!(row.deserialize::<T>().is_ok());
    places
}

fn numbers(names: &[&str]) -> OwnedRow {
    let digits: Vec<String> = (1..=names.len()).map(|digit| digit.to_string()).collect();
    let cells: Vec<Cell<'_>> = names
        .iter()
        .zip(&digits)
        .map(|(name, digit)| (name.as_bytes(), ColumnType::LONG, Some(digit.as_bytes())))
        .collect();
    row(&cells)
}

#[test]
fn fields_are_found_once_per_result_set() {
    let row = row(&USER);
    for _ in 0..4 {
        let user: User<'_> = row.deserialize().unwrap();
        assert_eq!((user.name, user.id, user.size), ("Ada", Id(7), Size::Large));
        assert_eq!((&*user.born, user.letter, user.more), ("0000-00-00", 'ü', 0));
    }
    let places = row.columns.fields().places(code_of::<User<'_>>()).unwrap();
    let some =
        [1, 0, u32::MAX, 2, 3, 4, 5, 6, 7, 8].map(|place| (place != u32::MAX).then_some(place));
    assert_eq!(places, some);
    // The rows can be read as another type all the same.
    #[derive(Debug, PartialEq, Deserialize)]
    struct Other {
        #[serde(rename = "name")]
        id: String,
    }
    for _ in 0..3 {
        assert_eq!(row.deserialize::<Other>().unwrap(), Other { id: "Ada".into() });
        assert_eq!(row.deserialize::<User<'_>>().unwrap().name, "Ada");
    }
    assert_eq!(row.columns.fields().places(code_of::<Other>()), None);
}

#[test]
fn renamed_skipped_and_aliased_fields_are_found() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Odd {
        #[serde(skip)]
        nothing: u8,
        #[serde(alias = "a1", alias = "a2")]
        first_one: u8,
        #[serde(alias = "zz")]
        second: u8,
        third: Option<u8>,
        #[serde(default)]
        fourth: u8,
    }
    let odd =
        |first_one, second, third, fourth| Odd { nothing: 0, first_one, second, third, fourth };
    for (names, expected) in [
        (&["firstOne", "second", "third", "fourth"][..], odd(1, 2, Some(3), 4)),
        (&["fourth", "zz", "a2"], odd(3, 2, None, 1)),
        (&["third", "second", "a1"], odd(3, 2, Some(1), 0)),
    ] {
        let row = numbers(names);
        let places = places::<Odd>(&row).unwrap();
        let place = |name: &&str| match *name {
            "firstOne" | "a1" | "a2" => Some(0),
            "second" | "zz" => Some(1),
            "third" => Some(2),
            _ => Some(3),
        };
        assert_eq!(places, names.iter().map(place).collect::<Vec<_>>());
        assert_eq!(row.deserialize::<Odd>().unwrap(), expected);
    }
    for (names, wrong) in [
        (
            &["a1", "second", "a2"][..],
            "the row cannot be deserialized: duplicate field `firstOne`: several columns are for it, \
             so give them other names with `AS`; the columns are: `a1`, `second`, `a2`",
        ),
        (&["a1"], "the row cannot be deserialized: missing field `second`; the columns are: `a1`"),
    ] {
        let row = numbers(names);
        for _ in 0..3 {
            assert_eq!(error::<Odd>(&row), wrong);
        }
        assert_eq!(row.columns.fields().places(code_of::<Odd>()), None);
    }
    assert!(error::<Odd>(&numbers(&["a1", "nothing"])).contains("unknown field `nothing`"));
}

#[test]
fn options_and_newtypes_of_structs_are_found_too() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Pair {
        b: u8,
        a: u8,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    struct Wrapped(Option<Pair>);
    let row = numbers(&["a", "b", "c"]);
    assert_eq!(places::<Wrapped>(&row), Some(vec![Some(1), Some(0), None]));
    assert_eq!(row.deserialize::<Wrapped>().unwrap(), Wrapped(Some(Pair { b: 2, a: 1 })));
}

#[test]
fn where_only_names_tell_they_are_compared() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Rest {
        b: u8,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    struct Flat {
        a: u8,
        #[serde(flatten)]
        rest: Rest,
    }
    let row = numbers(&["b", "a"]);
    assert_eq!(places::<Flat>(&row), Some(vec![None, None]));
    assert_eq!(row.deserialize::<Flat>().unwrap(), Flat { a: 2, rest: Rest { b: 1 } });
    let row = numbers(&["b", "a"]);
    assert_eq!(places::<BTreeMap<String, u8>>(&row), Some(vec![None, None]));
    let row = numbers(&["b", "a"]);
    assert_eq!(places::<(u8, u8)>(&row), Some(vec![None, None]));
    assert_eq!(row.deserialize::<(u8, u8)>().unwrap(), (1, 2));
    // Types whose own code takes names alone, or counts in its own way.
    let row = numbers(&["b", "a"]);
    assert_eq!(places::<ByHand<false>>(&row), Some(vec![None, None]));
    assert_eq!(row.deserialize::<ByHand<false>>().unwrap(), ByHand { a: 2, b: 1 });
    let row = numbers(&["b", "a"]);
    assert_eq!(places::<ByHand<true>>(&row), Some(vec![None, Some(0)]));
    assert_eq!(row.deserialize::<ByHand<true>>().unwrap(), ByHand { a: 2, b: 1 });
}

/// A map is read once for each row: where nothing can be known of places, nothing is tried.
#[test]
fn types_without_fields_are_not_tried_column_by_column() {
    thread_local! {
        static READ: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
    }

    #[derive(Debug)]
    struct Counted;

    impl<'r> Deserialize<'r> for Counted {
        fn deserialize<D: Deserializer<'r>>(deserializer: D) -> Result<Self, D::Error> {
            u8::deserialize(deserializer)?;
            READ.set(READ.get() + 1);
            Ok(Self)
        }
    }

    fn read<T: for<'r> Deserialize<'r>>() -> usize {
        let row = numbers(&["a", "b", "c"]);
        READ.set(0);
        for _ in 0..3 {
            let _: T = row.deserialize().unwrap();
        }
        READ.get()
    }

    #[derive(Debug, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        #[expect(dead_code, reason = "only reading it matters")]
        Map(BTreeMap<String, u8>),
    }
    #[derive(Debug, Deserialize)]
    struct Flat {
        #[expect(dead_code, reason = "only reading it matters")]
        #[serde(flatten)]
        rest: BTreeMap<String, u8>,
    }
    assert_eq!(read::<BTreeMap<String, Counted>>(), 9);
    assert_eq!(read::<Vec<Counted>>(), 9);
    assert_eq!(read::<(Counted, Counted, Counted)>(), 9);
    assert_eq!(read::<Option<Vec<Counted>>>(), 9);
    let row = numbers(&["a", "b"]);
    assert_eq!(places::<Untagged>(&row), Some(vec![None, None]));
    let row = numbers(&["a", "b"]);
    assert_eq!(places::<Flat>(&row), Some(vec![None, None]));
}

/// Types whose own code says that a field is there twice, whatever they are told, and those that take
/// one place and not several, are told names.
#[test]
fn a_type_that_takes_places_in_its_own_way_is_told_names() {
    #[derive(Debug, PartialEq)]
    struct Pair<const TWICE: bool>(Vec<String>);

    impl<'r, const TWICE: bool> Deserialize<'r> for Pair<TWICE> {
        fn deserialize<D: Deserializer<'r>>(deserializer: D) -> Result<Self, D::Error> {
            struct Names<const TWICE: bool>;

            impl<'r, const TWICE: bool> Visitor<'r> for Names<TWICE> {
                type Value = Pair<TWICE>;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("two numbers")
                }

                fn visit_map<A: MapAccess<'r>>(self, mut map: A) -> Result<Pair<TWICE>, A::Error> {
                    let (mut names, mut places) = (Vec::new(), 0);
                    while let Some(key) = map.next_key::<PlaceOrName>()? {
                        let name = match key {
                            PlaceOrName::Name(name) => name,
                            PlaceOrName::Place(_) if TWICE => {
                                return Err(A::Error::duplicate_field("a"));
                            }
                            PlaceOrName::Place(place) => {
                                places += 1;
                                if places > 1 {
                                    return Err(A::Error::custom("too many numbers"));
                                }
                                ["a", "b"].get(place).copied().unwrap_or("none").to_owned()
                            }
                        };
                        if names.contains(&name) {
                            return Err(A::Error::duplicate_field("a"));
                        }
                        names.push(name);
                        let _: u8 = map.next_value()?;
                    }
                    Ok(Pair(names))
                }
            }

            deserializer.deserialize_struct("Pair", &["a", "b"], Names::<TWICE>)
        }
    }

    let row = numbers(&["b", "a"]);
    assert_eq!(places::<Pair<true>>(&row), Some(vec![None, None]));
    let both = |row: &OwnedRow| row.deserialize::<Pair<false>>().unwrap().0;
    let row = numbers(&["b", "a"]);
    assert_eq!(places::<Pair<false>>(&row), Some(vec![Some(1), Some(0)]));
    assert_eq!(both(&row), ["b", "a"]);
}

enum PlaceOrName {
    Place(usize),
    Name(String),
}

impl<'r> Deserialize<'r> for PlaceOrName {
    fn deserialize<D: Deserializer<'r>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl Visitor<'_> for Either {
            type Value = PlaceOrName;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<PlaceOrName, E> {
                Ok(PlaceOrName::Name(name.to_owned()))
            }

            fn visit_u64<E: serde::de::Error>(self, place: u64) -> Result<PlaceOrName, E> {
                Ok(PlaceOrName::Place(usize::try_from(place).unwrap()))
            }
        }

        deserializer.deserialize_identifier(Either)
    }
}

/// What cannot be read is left behind by those who do not mind.
#[test]
fn values_that_do_not_fit_do_not_stop_who_goes_on() {
    #[derive(Debug, PartialEq)]
    struct Fitting(Vec<u8>);

    impl<'r> Deserialize<'r> for Fitting {
        fn deserialize<D: Deserializer<'r>>(deserializer: D) -> Result<Self, D::Error> {
            struct Any;

            impl<'r> Visitor<'r> for Any {
                type Value = Fitting;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("numbers")
                }

                fn visit_map<A: MapAccess<'r>>(self, mut map: A) -> Result<Fitting, A::Error> {
                    let mut fitting = Vec::new();
                    while map.next_key::<&str>()?.is_some() {
                        fitting.extend(map.next_value::<u8>());
                    }
                    Ok(Fitting(fitting))
                }
            }

            deserializer.deserialize_map(Any)
        }
    }
    let column = |value| (&b"a"[..], ColumnType::LONG, value);
    let values = [Some(&b"1"[..]), Some(b"300"), None, Some(b"x"), Some(b"5")].map(column);
    assert_eq!(row(&values).deserialize::<Fitting>().unwrap(), Fitting(vec![1, 5]));
    // A row that ends too early is an error for everybody.
    let short = row(&values);
    let payload = &short.payload[..short.payload.len() - 4];
    let short = Row::new(payload, &short.columns, Format::Text).to_owned();
    assert!(error::<Fitting>(&short).contains("the server sent a row"));
}

/// Its fields are `b` and `a` to serde; by place, if at all, it takes them the other way round.
#[derive(Debug, PartialEq)]
struct ByHand<const PLACES: bool> {
    a: u8,
    b: u8,
}

enum Key {
    A,
    B,
}

impl<'r> Deserialize<'r> for Key {
    fn deserialize<D: Deserializer<'r>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;

        impl Visitor<'_> for Keys {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Key, E> {
                Ok(if name == "a" { Key::A } else { Key::B })
            }

            fn visit_u64<E: serde::de::Error>(self, place: u64) -> Result<Key, E> {
                Ok(if place == 0 { Key::A } else { Key::B })
            }
        }

        deserializer.deserialize_identifier(Keys)
    }
}

impl<'r, const PLACES: bool> Deserialize<'r> for ByHand<PLACES> {
    fn deserialize<D: Deserializer<'r>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<const PLACES: bool>;

        impl<'r, const PLACES: bool> Visitor<'r> for Fields<PLACES> {
            type Value = ByHand<PLACES>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("two numbers")
            }

            fn visit_map<A: MapAccess<'r>>(self, mut map: A) -> Result<ByHand<PLACES>, A::Error> {
                let (mut a, mut b) = (None, None);
                if !PLACES {
                    while let Some((key, number)) = map.next_entry::<&str, u8>()? {
                        *if key == "a" { &mut a } else { &mut b } = Some(number);
                    }
                } else {
                    while let Some(key) = map.next_key::<Key>()? {
                        let (field, name) = match key {
                            Key::A => (&mut a, "a"),
                            Key::B => (&mut b, "b"),
                        };
                        if field.is_some() {
                            return Err(A::Error::duplicate_field(name));
                        }
                        *field = Some(map.next_value()?);
                    }
                }
                Ok(ByHand { a: a.unwrap(), b: b.unwrap() })
            }
        }

        deserializer.deserialize_struct("ByHand", &["b", "a"], Fields::<PLACES>)
    }
}
