//! mywire: rows by `next_batch`, or by `next`.

use mywire::{Config, Date, DateTime, Row, Rows, Session, SslMode};

use super::{CHECK, INSERTED, point_id, runtime};
use crate::{Account, Sum, Task, for_each_shape};

/// Point queries that are under way together.
const AT_A_TIME: usize = 100;

macro_rules! rust_type {
    (int) => { i64 };
    (str) => { &str };
    (bytes) => { &[u8] };
    (double) => { f64 };
    (decimal) => { &str };
    (date) => { Date };
    (datetime) => { DateTime };
    (opt_int) => { Option<i64> };
    (opt_str) => { Option<&str> };
}

/// Up to 16 columns are a tuple, more are read one after the other.
macro_rules! decode {
    ($row:ident $sum:ident $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident
     $i:ident $j:ident $k:ident $l:ident $m:ident $n:ident $o:ident $p:ident $($more:ident)+) => {{
        let mut values = $row.reader();
        decode!(@each values $sum $a $b $c $d $e $f $g $h $i $j $k $l $m $n $o $p $($more)+);
    }};
    (@each $values:ident $sum:ident $($kind:ident)+) => {
        $($values.read::<rust_type!($kind)>().expect("a value").fold($sum);)+
        $values.finish().expect("the row's end")
    };
    ($row:ident $sum:ident $($kind:ident)+) => {
        $row.decode::<($(rust_type!($kind),)+)>().expect("the types").fold($sum)
    };
}

macro_rules! rows {
    (($rows:ident $batches:ident) $($kind:ident)+) => {
        read($rows, $batches, |row, sum| decode!(row sum $($kind)+)).await
    };
}

pub fn run(account: &Account, task: &Task, batches: bool) -> Sum {
    runtime().block_on(async {
        let mut session = connect(account).await;
        match task {
            Task::Rows { shape, binary, .. } => {
                let rows = match binary {
                    false => session.query(task.sql().as_str(), ()).await,
                    true => {
                        let statement = session.prepare(&task.sql()).await.expect("a statement");
                        session.query(&statement, ()).await
                    }
                };
                let rows = rows.expect("a result set");
                for_each_shape!(shape.name, rows(rows batches))
            }
            Task::Point { count } => {
                let mut sum = Sum::default();
                let statement = session.prepare(&task.sql()).await.expect("a statement");
                for i in 0..*count {
                    let value = session.fetch_one(&statement, (point_id(i),)).await;
                    sum.int(value.expect("a row"));
                }
                sum
            }
            Task::Pipeline { count } => {
                let mut sum = Sum::default();
                let statement = session.prepare(&task.sql()).await.expect("a statement");
                let mut pipeline = session.pipeline();
                for first in (0..*count).step_by(AT_A_TIME) {
                    for i in (first..*count).take(AT_A_TIME) {
                        pipeline.query(&statement, (point_id(i),)).await.expect("room");
                    }
                    while let Some(reply) = pipeline.next_reply().await {
                        let mut rows = reply.expect("a result set");
                        let row = rows.next().await.expect("no error").expect("a row");
                        sum.int(row.decode().expect("an integer"));
                    }
                }
                sum
            }
            Task::Insert { count } => {
                let mut sum = Sum::default();
                let statement = session.prepare(&task.sql()).await.expect("a statement");
                let mut transaction = session.begin().await.expect("a transaction");
                let rows = (0..*count).map(|i| (i, INSERTED));
                transaction.bulk(&statement, rows).await.expect("they are inserted");
                sum.int(transaction.fetch_one(CHECK, ()).await.expect("a sum"));
                transaction.rollback().await.expect("a rollback");
                sum
            }
            Task::Connect { count } => {
                let mut sum = Sum::default();
                for _ in 0..*count {
                    connect(account).await.close().await.expect("a farewell");
                    sum.int(1);
                }
                sum
            }
        }
    })
}

/// The blocking front: point queries and connections.
pub fn run_blocking(account: &Account, task: &Task) -> Sum {
    let connect = || {
        let config: Config = account.url().parse().expect("a URL");
        let config = config.ssl_mode(SslMode::Disabled);
        mywire::blocking::Session::connect_with(&config).expect("a session")
    };
    let mut sum = Sum::default();
    match task {
        Task::Rows { .. } => panic!("no rows"),
        Task::Point { count } => {
            let mut session = connect();
            let statement = session.prepare(&task.sql()).expect("a statement");
            for i in 0..*count {
                sum.int(session.fetch_one(&statement, (point_id(i),)).expect("a row"));
            }
        }
        Task::Pipeline { count } => {
            let mut session = connect();
            let statement = session.prepare(&task.sql()).expect("a statement");
            let mut pipeline = session.pipeline();
            for first in (0..*count).step_by(AT_A_TIME) {
                for i in (first..*count).take(AT_A_TIME) {
                    pipeline.query(&statement, (point_id(i),)).expect("room");
                }
                while let Some(reply) = pipeline.next_reply() {
                    let mut rows = reply.expect("a result set");
                    let row = rows.next().expect("no error").expect("a row");
                    sum.int(row.decode().expect("an integer"));
                }
            }
        }
        Task::Insert { count } => {
            let mut session = connect();
            let statement = session.prepare(&task.sql()).expect("a statement");
            let mut transaction = session.begin().expect("a transaction");
            let rows = (0..*count).map(|i| (i, INSERTED));
            transaction.bulk(&statement, rows).expect("they are inserted");
            sum.int(transaction.fetch_one(CHECK, ()).expect("a sum"));
            transaction.rollback().expect("a rollback");
        }
        Task::Connect { count } => {
            for _ in 0..*count {
                connect().close().expect("a farewell");
                sum.int(1);
            }
        }
    }
    sum
}

async fn connect(account: &Account) -> Session {
    let config: Config = account.url().parse().expect("a URL");
    Session::connect_with(&config.ssl_mode(SslMode::Disabled)).await.expect("a session")
}

async fn read(mut rows: Rows<'_>, batches: bool, mut row: impl FnMut(Row<'_>, &mut Sum)) -> Sum {
    let mut sum = Sum::default();
    if batches {
        while let Some(batch) = rows.next_batch().await.expect("no error") {
            for one in batch {
                row(one.expect("well formed"), &mut sum);
            }
        }
    } else {
        while let Some(one) = rows.next().await.expect("no error") {
            row(one, &mut sum);
        }
    }
    rows.finish().await.expect("an end");
    sum
}

trait Fold {
    fn fold(self, sum: &mut Sum);
}

macro_rules! fold {
    ($($type:ty: $value:ident, $sum:ident => $fold:expr;)+) => {
        $(impl Fold for $type {
            #[inline(always)]
            fn fold(self, $sum: &mut Sum) {
                let $value = self;
                $fold;
            }
        })+
    };
}

fold! {
    i64: x, sum => sum.int(x);
    &str: x, sum => sum.str(x);
    &[u8]: x, sum => sum.bytes(x);
    f64: x, sum => sum.double(x);
    Date: x, sum => sum.date(x.year, x.month, x.day);
    DateTime: x, sum => sum.datetime(
        (x.date.year, x.date.month, x.date.day),
        (x.hour, x.minute, x.second),
        x.microsecond,
    );
}

impl<T: Fold> Fold for Option<T> {
    #[inline(always)]
    fn fold(self, sum: &mut Sum) {
        match self {
            Some(value) => value.fold(sum),
            None => sum.null(),
        }
    }
}

macro_rules! fold_tuples {
    ($($name:ident)*;) => {};
    ($($name:ident)*; $next:ident $($more:ident)*) => {
        impl<$($name: Fold,)* $next: Fold> Fold for ($($name,)* $next,) {
            #[inline(always)]
            #[expect(non_snake_case)]
            fn fold(self, sum: &mut Sum) {
                let ($($name,)* $next,) = self;
                $($name.fold(sum);)*
                $next.fold(sum);
            }
        }
        fold_tuples!($($name)* $next; $($more)*);
    };
}

fold_tuples!(; A B C D E F G H I J K L M N O P);
