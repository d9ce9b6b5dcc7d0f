//! zero-mysql: rows through a handler of the caller's, values borrowed from the buffer. Rows of
//! fixed widths are not decoded but cast, by `exec_foreach_ref`.

use zero_mysql::Opts;
use zero_mysql::error::Result;
use zero_mysql::handler::DropHandler;
use zero_mysql::protocol::BinaryRowPayload;
use zero_mysql::protocol::command::ColumnDefinition;
use zero_mysql::protocol::command::bulk_exec::BulkFlags;
use zero_mysql::protocol::response::OkPayloadBytes;
use zero_mysql::protocol::r#trait::BinaryResultSetHandler;
use zero_mysql::raw::{FromRawValue, parse_value};
use zero_mysql::ref_row::{I64LE, RefFromRow};
use zero_mysql::sync::Conn;
use zero_mysql::value::{Timestamp4, Timestamp7, Timestamp11};

use zerocopy::{FromBytes, Immutable, KnownLayout};

use super::{CHECK, INSERTED, point_id};
use crate::{Account, Sum, Task, for_each_shape};

macro_rules! column {
    (int $value:expr, $sum:ident) => {
        $sum.int($value?)
    };
    (double $value:expr, $sum:ident) => {
        $sum.double($value?)
    };
    (str $value:expr, $sum:ident) => {
        $sum.str($value?)
    };
    (bytes $value:expr, $sum:ident) => {{
        let Bytes(bytes) = $value?;
        $sum.bytes(bytes)
    }};
    (decimal $value:expr, $sum:ident) => {{
        let Decimal(text) = $value?;
        $sum.str(text)
    }};
    (date $value:expr, $sum:ident) => {{
        let DateTime(d, _, _) = $value?;
        $sum.date(d.0, d.1, d.2)
    }};
    (datetime $value:expr, $sum:ident) => {{
        let DateTime(day, clock, fraction) = $value?;
        $sum.datetime(day, clock, fraction)
    }};
    (opt_int $value:expr, $sum:ident) => {{
        let value: Option<i64> = $value?;
        match value {
            Some(x) => $sum.int(x),
            None => $sum.null(),
        }
    }};
    (opt_str $value:expr, $sum:ident) => {{
        let value: Option<&str> = $value?;
        match value {
            Some(x) => $sum.str(x),
            None => $sum.null(),
        }
    }};
}

macro_rules! rows {
    (($conn:ident $statement:ident) $($kind:ident)+) => {{
        struct Rows(Sum);
        impl BinaryResultSetHandler for Rows {
            fn no_result_set(&mut self, _: OkPayloadBytes<'_>) -> Result<()> {
                Ok(())
            }
            fn resultset_start(&mut self, _: &[ColumnDefinition<'_>]) -> Result<()> {
                Ok(())
            }
            #[inline(always)]
            fn row(&mut self, columns: &[ColumnDefinition<'_>], row: BinaryRowPayload<'_>) -> Result<()> {
                let sum = &mut self.0;
                let nulls = row.null_bitmap();
                let mut rest = row.values();
                let mut i = 0;
                $(
                    column!($kind next(columns, nulls.is_null(i), &mut i, &mut rest), sum);
                )+
                assert_eq!(i, columns.len());
                Ok(())
            }
            fn resultset_end(&mut self, _: OkPayloadBytes<'_>) -> Result<()> {
                Ok(())
            }
        }
        let mut rows = Rows(Sum::default());
        $conn.exec(&mut $statement, (), &mut rows).expect("rows");
        rows.0
    }};
}

#[inline(always)]
fn next<'r, T: FromRawValue<'r>>(
    columns: &[ColumnDefinition<'_>],
    null: bool,
    i: &mut usize,
    rest: &mut &'r [u8],
) -> Result<T> {
    let (value, behind) = parse_value(columns[*i].tail, null, rest)?;
    *rest = behind;
    *i += 1;
    Ok(value)
}

#[derive(FromBytes, KnownLayout, Immutable)]
#[repr(C, packed)]
struct One {
    a: I64LE,
}

#[derive(FromBytes, KnownLayout, Immutable)]
#[repr(C, packed)]
struct Ints8 {
    a: I64LE,
    b: I64LE,
    c: I64LE,
    d: I64LE,
    e: I64LE,
    f: I64LE,
    g: I64LE,
    h: I64LE,
}

/// What the library's derive macro makes; the macro itself does not work with zerocopy 0.8.64.
macro_rules! ref_from_row {
    ($($type:ty)+) => {
        $(impl<'buf> RefFromRow<'buf> for $type {
            fn ref_from_row(_: &[ColumnDefinition<'_>], row: BinaryRowPayload<'buf>) -> Result<&'buf Self> {
                let cast = <$type as FromBytes>::ref_from_bytes(row.values());
                cast.map_err(|_| zero_mysql::error::Error::BadUsageError("a row of another size".into()))
            }
        })+
    };
}

ref_from_row! { One Ints8 }

pub fn run(account: &Account, task: &Task) -> Sum {
    let mut sum = Sum::default();
    match task {
        Task::Rows { shape, .. } => {
            let mut conn = connect(account);
            let mut statement = conn.prepare(&task.sql()).expect("a statement");
            if shape.name == "ints8" {
                let row = |row: &Ints8| {
                    let Ints8 { a, b, c, d, e, f, g, h } = row;
                    for x in [a, b, c, d, e, f, g, h] {
                        sum.int(x.get());
                    }
                    Ok(())
                };
                conn.exec_foreach_ref(&mut statement, (), row).expect("rows");
                return sum;
            }
            if shape.name == "one" {
                let row = |row: &One| {
                    sum.int(row.a.get());
                    Ok(())
                };
                conn.exec_foreach_ref(&mut statement, (), row).expect("rows");
                return sum;
            }
            for_each_shape!(shape.name, rows(conn statement))
        }
        Task::Point { count } => {
            let mut conn = connect(account);
            let mut statement = conn.prepare(&task.sql()).expect("a statement");
            for i in 0..*count {
                let row: Option<(i64,)> =
                    conn.exec_first(&mut statement, (point_id(i),)).expect("a result");
                sum.int(row.expect("a row").0);
            }
            sum
        }
        Task::Insert { count } => {
            let mut conn = connect(account);
            let mut statement = conn.prepare(&task.sql()).expect("a statement");
            conn.query_drop("BEGIN").expect("a transaction");
            let rows: Vec<_> = (0..*count).map(|i| (i, INSERTED)).collect();
            let flags = BulkFlags::SEND_TYPES_TO_SERVER;
            let mut handler = DropHandler::default();
            conn.exec_bulk_insert_or_update(&mut statement, &rows[..], flags, &mut handler)
                .expect("they are inserted");
            let mut check = conn.prepare(CHECK).expect("a statement");
            let row: Option<(i64,)> = conn.exec_first(&mut check, ()).expect("a result");
            sum.int(row.expect("a sum").0);
            conn.query_drop("ROLLBACK").expect("a rollback");
            sum
        }
        Task::Pipeline { .. } => panic!("one at a time"),
        Task::Connect { count } => {
            for _ in 0..*count {
                drop(connect(account));
                sum.int(1);
            }
            sum
        }
    }
}

fn connect(account: &Account) -> Conn {
    let mut opts = Opts::try_from(account.url().as_str()).expect("a URL");
    opts.upgrade_to_unix_socket = false;
    Conn::new(opts).expect("a connection")
}

/// The bytes of text and of blobs alike.
struct Bytes<'r>(&'r [u8]);

impl<'r> FromRawValue<'r> for Bytes<'r> {
    fn from_str(value: &'r [u8]) -> Result<Self> {
        Ok(Self(value))
    }

    fn from_bytes(value: &'r [u8]) -> Result<Self> {
        Ok(Self(value))
    }
}

struct Decimal<'r>(&'r str);

impl<'r> FromRawValue<'r> for Decimal<'r> {
    fn from_decimal(value: &'r [u8]) -> Result<Self> {
        Ok(Self(std::str::from_utf8(value).expect("UTF-8")))
    }
}

struct DateTime((u16, u8, u8), (u8, u8, u8), u32);

impl FromRawValue<'_> for DateTime {
    fn from_date4(v: &Timestamp4) -> Result<Self> {
        Ok(Self((v.year(), v.month, v.day), (0, 0, 0), 0))
    }

    fn from_datetime4(v: &Timestamp4) -> Result<Self> {
        Self::from_date4(v)
    }

    fn from_datetime7(v: &Timestamp7) -> Result<Self> {
        Ok(Self((v.year(), v.month, v.day), (v.hour, v.minute, v.second), 0))
    }

    fn from_datetime11(v: &Timestamp11) -> Result<Self> {
        let clock = (v.hour, v.minute, v.second);
        Ok(Self((v.year(), v.month, v.day), clock, v.microsecond()))
    }
}
