//! mysql_async: rows by `query_iter` and `exec_iter`; values by place, strings borrowed from the
//! row.

use mysql_async::prelude::{FromValue, Queryable};
use mysql_async::{Conn, Opts, OptsBuilder, Row, Value};
use time::{Date, PrimitiveDateTime};

use super::{CHECK, INSERTED, point_id, runtime};
use crate::{Account, Sum, Task, common_column, for_each_shape};

macro_rules! rows {
    (($result:ident) $($kind:ident)+) => {{
        let mut sum = Sum::default();
        let each = $result.for_each_and_drop(|row| {
            let mut i = 0;
            $(
                common_column!($kind row i sum);
                i += 1;
            )+
            assert_eq!(i, row.len());
        });
        each.await.expect("rows");
        sum
    }};
}

pub fn run(account: &Account, task: &Task) -> Sum {
    runtime().block_on(async {
        let mut sum = Sum::default();
        match task {
            Task::Rows { shape, binary: false, .. } => {
                let mut conn = connect(account).await;
                let result = conn.query_iter(task.sql()).await.expect("a result set");
                for_each_shape!(shape.name, rows(result))
            }
            Task::Rows { shape, .. } => {
                let mut conn = connect(account).await;
                let statement = conn.prep(task.sql()).await.expect("a statement");
                let result = conn.exec_iter(&statement, ()).await.expect("a result set");
                for_each_shape!(shape.name, rows(result))
            }
            Task::Point { count } => {
                let mut conn = connect(account).await;
                let statement = conn.prep(task.sql()).await.expect("a statement");
                for i in 0..*count {
                    let value: Option<i64> =
                        conn.exec_first(&statement, (point_id(i),)).await.expect("a result");
                    sum.int(value.expect("a row"));
                }
                sum
            }
            Task::Insert { count } => {
                let mut conn = connect(account).await;
                let statement = conn.prep(task.sql()).await.expect("a statement");
                conn.query_drop("BEGIN").await.expect("a transaction");
                for i in 0..*count {
                    conn.exec_drop(&statement, (i, INSERTED)).await.expect("it is inserted");
                }
                sum.int(conn.query_first(CHECK).await.expect("a result").expect("a sum"));
                conn.query_drop("ROLLBACK").await.expect("a rollback");
                sum
            }
            Task::Pipeline { .. } => panic!("one at a time"),
            Task::Connect { count } => {
                for _ in 0..*count {
                    connect(account).await.disconnect().await.expect("a farewell");
                    sum.int(1);
                }
                sum
            }
        }
    })
}

async fn connect(account: &Account) -> Conn {
    let opts = Opts::from_url(&account.url()).expect("a URL");
    // No further round trips, and no other transport.
    let opts = OptsBuilder::from_opts(opts)
        .prefer_socket(Some(false))
        .max_allowed_packet(Some(64 << 20))
        .wait_timeout(Some(28_800));
    Conn::new(opts).await.expect("a connection")
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
