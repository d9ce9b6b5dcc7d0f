//! mysql: rows by `query_iter` and `exec_iter`; values by place, strings borrowed from the row.

use mysql::prelude::{FromValue, Queryable};
use mysql::{Conn, Opts, OptsBuilder, Row, Value};
use time::{Date, PrimitiveDateTime};

use super::{CHECK, INSERTED, point_id};
use crate::{Account, Sum, Task, for_each_shape};

/// The values of a row of mysql or mysql_async, which share their row type's insides.
#[macro_export]
macro_rules! common_column {
    (int $row:ident $i:ident $sum:ident) => {
        $sum.int(take::<i64>(&$row, $i))
    };
    (double $row:ident $i:ident $sum:ident) => {
        $sum.double(take::<f64>(&$row, $i))
    };
    (str $row:ident $i:ident $sum:ident) => {
        $sum.str(text(&$row, $i).expect("no NULL"))
    };
    (decimal $row:ident $i:ident $sum:ident) => {
        $sum.str(text(&$row, $i).expect("no NULL"))
    };
    (bytes $row:ident $i:ident $sum:ident) => {
        $sum.bytes(bytes(&$row, $i).expect("no NULL"))
    };
    (date $row:ident $i:ident $sum:ident) => {{
        let date = take::<Date>(&$row, $i);
        $sum.date(date.year() as u16, date.month().into(), date.day());
    }};
    (datetime $row:ident $i:ident $sum:ident) => {{
        let when = take::<PrimitiveDateTime>(&$row, $i);
        $sum.datetime(
            (when.year() as u16, when.month().into(), when.day()),
            (when.hour(), when.minute(), when.second()),
            when.microsecond(),
        );
    }};
    (opt_int $row:ident $i:ident $sum:ident) => {
        match take::<Option<i64>>(&$row, $i) {
            Some(x) => $sum.int(x),
            None => $sum.null(),
        }
    };
    (opt_str $row:ident $i:ident $sum:ident) => {
        match text(&$row, $i) {
            Some(x) => $sum.str(x),
            None => $sum.null(),
        }
    };
}

macro_rules! rows {
    (($result:ident) $($kind:ident)+) => {{
        let mut sum = Sum::default();
        for row in $result {
            let row = row.expect("a row");
            let mut i = 0;
            $(
                common_column!($kind row i sum);
                i += 1;
            )+
            assert_eq!(i, row.len());
        }
        sum
    }};
}

pub fn run(account: &Account, task: &Task) -> Sum {
    let mut sum = Sum::default();
    match task {
        Task::Rows { shape, binary: false, .. } => {
            let mut conn = connect(account);
            let result = conn.query_iter(task.sql()).expect("a result set");
            for_each_shape!(shape.name, rows(result))
        }
        Task::Rows { shape, .. } => {
            let mut conn = connect(account);
            let statement = conn.prep(task.sql()).expect("a statement");
            let result = conn.exec_iter(&statement, ()).expect("a result set");
            for_each_shape!(shape.name, rows(result))
        }
        Task::Point { count } => {
            let mut conn = connect(account);
            let statement = conn.prep(task.sql()).expect("a statement");
            for i in 0..*count {
                let value: Option<i64> =
                    conn.exec_first(&statement, (point_id(i),)).expect("a result");
                sum.int(value.expect("a row"));
            }
            sum
        }
        Task::Insert { count } => {
            let mut conn = connect(account);
            let statement = conn.prep(task.sql()).expect("a statement");
            conn.query_drop("BEGIN").expect("a transaction");
            for i in 0..*count {
                conn.exec_drop(&statement, (i, INSERTED)).expect("it is inserted");
            }
            sum.int(conn.query_first(CHECK).expect("a result").expect("a sum"));
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
    let opts = Opts::from_url(&account.url()).expect("a URL");
    // No further round trips, and no other transport.
    let opts = OptsBuilder::from_opts(opts).prefer_socket(false).max_allowed_packet(Some(64 << 20));
    Conn::new(opts).expect("a connection")
}

fn take<T: FromValue>(row: &Row, i: usize) -> T {
    row.get(i).expect("a value")
}

fn bytes(row: &Row, i: usize) -> Option<&[u8]> {
    match row.as_ref(i).expect("a value") {
        Value::Bytes(bytes) => Some(bytes),
        Value::NULL => None,
        other => panic!("{other:?} is no string"),
    }
}

fn text(row: &Row, i: usize) -> Option<&str> {
    bytes(row, i).map(|bytes| std::str::from_utf8(bytes).expect("UTF-8"))
}
