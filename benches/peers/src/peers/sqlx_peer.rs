//! sqlx: rows by `fetch`, of `raw_sql` (text) and `query` (binary); values by place, without a
//! check of their types.

use futures_util::TryStreamExt;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};
use time::{Date, PrimitiveDateTime};

use super::{CHECK, INSERTED, point_id, runtime};
use crate::{Account, Sum, Task, for_each_shape};

macro_rules! get {
    ($type:ty, $row:ident $i:ident) => {
        $row.try_get_unchecked::<$type, _>($i).expect("a value")
    };
}

macro_rules! column {
    (int $row:ident $i:ident $sum:ident) => { $sum.int(get!(i64, $row $i)) };
    (double $row:ident $i:ident $sum:ident) => { $sum.double(get!(f64, $row $i)) };
    (str $row:ident $i:ident $sum:ident) => { $sum.str(get!(&str, $row $i)) };
    (decimal $row:ident $i:ident $sum:ident) => { $sum.str(get!(&str, $row $i)) };
    (bytes $row:ident $i:ident $sum:ident) => { $sum.bytes(get!(&[u8], $row $i)) };
    (date $row:ident $i:ident $sum:ident) => {{
        let date = get!(Date, $row $i);
        $sum.date(date.year() as u16, date.month().into(), date.day());
    }};
    (datetime $row:ident $i:ident $sum:ident) => {{
        let when = get!(PrimitiveDateTime, $row $i);
        $sum.datetime(
            (when.year() as u16, when.month().into(), when.day()),
            (when.hour(), when.minute(), when.second()),
            when.microsecond(),
        );
    }};
    (opt_int $row:ident $i:ident $sum:ident) => {
        match get!(Option<i64>, $row $i) {
            Some(x) => $sum.int(x),
            None => $sum.null(),
        }
    };
    (opt_str $row:ident $i:ident $sum:ident) => {
        match get!(Option<&str>, $row $i) {
            Some(x) => $sum.str(x),
            None => $sum.null(),
        }
    };
}

macro_rules! rows {
    (($rows:ident) $($kind:ident)+) => {{
        let mut sum = Sum::default();
        while let Some(row) = $rows.try_next().await.expect("a row") {
            let mut i = 0;
            $(
                column!($kind row i sum);
                i += 1;
            )+
            assert_eq!(i, row.len());
        }
        sum
    }};
}

pub fn run(account: &Account, task: &Task) -> Sum {
    runtime().block_on(async {
        let mut sum = Sum::default();
        match task {
            Task::Rows { shape, binary: false, .. } => {
                let mut conn = connect(account).await;
                let mut rows = sqlx::raw_sql(AssertSqlSafe(task.sql())).fetch(&mut conn);
                for_each_shape!(shape.name, rows(rows))
            }
            Task::Rows { shape, .. } => {
                let mut conn = connect(account).await;
                let mut rows = sqlx::query(AssertSqlSafe(task.sql())).fetch(&mut conn);
                for_each_shape!(shape.name, rows(rows))
            }
            Task::Point { count } => {
                let mut conn = connect(account).await;
                for i in 0..*count {
                    let query = sqlx::query("SELECT a FROM point WHERE id = ?").bind(point_id(i));
                    let row = query.fetch_one(&mut conn).await.expect("a row");
                    sum.int(row.try_get_unchecked(0).expect("a value"));
                }
                sum
            }
            Task::Insert { count } => {
                let mut conn = connect(account).await;
                let mut transaction = conn.begin().await.expect("a transaction");
                for i in 0..*count {
                    let query = sqlx::query("INSERT INTO sink VALUES (?, ?)").bind(i);
                    let query = query.bind(INSERTED);
                    query.execute(&mut *transaction).await.expect("it is inserted");
                }
                let row = sqlx::query(CHECK).fetch_one(&mut *transaction).await.expect("a row");
                sum.int(row.try_get_unchecked(0).expect("a sum"));
                transaction.rollback().await.expect("a rollback");
                sum
            }
            Task::Pipeline { .. } => panic!("one at a time"),
            Task::Connect { count } => {
                for _ in 0..*count {
                    connect(account).await.close().await.expect("a farewell");
                    sum.int(1);
                }
                sum
            }
        }
    })
}

async fn connect(account: &Account) -> MySqlConnection {
    let options: MySqlConnectOptions = account.url().parse().expect("a URL");
    // No set-up statements, as far as it goes without.
    options
        .ssl_mode(MySqlSslMode::Disabled)
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .timezone(None)
        .set_names(false)
        .disable_statement_logging()
        .connect()
        .await
        .expect("a connection")
}
