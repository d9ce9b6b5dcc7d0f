//! Statements and their rows, through every method that runs one.

use mywire::error::UsageError;
use mywire::{Error, OwnedRow, Row};

use crate::each_server;
use crate::target::{code, usable};

/// Statements that return this many rows, on every server.
pub fn counting(rows: u32) -> String {
    format!(
        "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) SELECT \
         i FROM n ORDER BY i"
    )
}

/// Lets [`counting`] count beyond 1,000.
pub async fn allow_recursion(session: &mut mywire::Session) {
    let variable = match session.is_mariadb() {
        true => "max_recursive_iterations",
        false => "cte_max_recursion_depth",
    };
    session.execute(&format!("SET SESSION {variable} = 1000000"), ()).await.unwrap();
}

#[test]
fn rows_by_next_batch_for_each_and_collect_are_the_same() {
    each_server(async |target| {
        let mut session = target.session().await;
        allow_recursion(&mut session).await;
        let sql = counting(20_000);
        let want: Vec<i64> = (1..=20_000).collect();

        let mut rows = session.query(&sql, ()).await.unwrap();
        assert_eq!(rows.columns().len(), 1);
        assert_eq!(rows.columns().get(0).unwrap().name(), "i");
        let mut by_next = Vec::new();
        while let Some(row) = rows.next().await.unwrap() {
            by_next.push(row.decode::<i64>().unwrap());
        }
        assert!(rows.next().await.unwrap().is_none(), "the end stays the end");
        assert!(!rows.next_result().await.unwrap());
        rows.finish().await.unwrap();
        assert!(by_next == want);

        let mut rows = session.query(&sql, ()).await.unwrap();
        let (mut by_batch, mut batches) = (Vec::new(), 0);
        while let Some(batch) = rows.next_batch().await.unwrap() {
            let held: Vec<Row<'_>> = batch.map(Result::unwrap).collect();
            by_batch.extend(held.iter().map(|row| row.decode::<i64>().unwrap()));
            batches += 1;
        }
        assert!(by_batch == want);
        assert!(batches < 2_000, "{batches} batches for 20,000 rows");
        rows.finish().await.unwrap();

        let mut rows = session.query(&sql, ()).await.unwrap();
        let mut by_for_each = vec![rows.next().await.unwrap().unwrap().decode::<i64>().unwrap()];
        rows.for_each(|row| {
            by_for_each.push(row.decode()?);
            Ok(())
        })
        .await
        .unwrap();
        assert!(by_for_each == want);
        drop(rows);

        let mut rows = session.query(&sql, ()).await.unwrap();
        let collected: Vec<i64> = rows.collect().await.unwrap();
        assert!(collected == want);
        drop(rows);

        let all: Vec<i64> = session.fetch_all(&sql, ()).await.unwrap();
        assert!(all == want);
        usable(&mut session).await;
    });
}

#[test]
fn one_optional_and_all_say_what_does_not_fit() {
    each_server(async |target| {
        let mut session = target.session().await;
        let (two, one, none) = (counting(2), counting(1), format!("{} LIMIT 0", counting(1)));
        assert_eq!(session.fetch_one::<i64>(&one, ()).await.unwrap(), 1);
        let usage = |error: Error| match error {
            Error::Usage(usage) => usage,
            other => panic!("{other:?}"),
        };
        let error = session.fetch_one::<i64>(&none, ()).await.unwrap_err();
        assert_eq!(usage(error), UsageError::NoRow);
        let error = session.fetch_one::<i64>(&two, ()).await.unwrap_err();
        assert!(!error.is_fatal());
        assert_eq!(usage(error), UsageError::ManyRows);
        assert_eq!(session.fetch_optional::<i64>(&none, ()).await.unwrap(), None);
        assert_eq!(session.fetch_optional::<i64>(&one, ()).await.unwrap(), Some(1));
        let error = session.fetch_optional::<i64>(&two, ()).await.unwrap_err();
        assert_eq!(usage(error), UsageError::ManyRows);
        assert_eq!(session.fetch_all::<i64>(&none, ()).await.unwrap(), Vec::<i64>::new());
        assert_eq!(session.fetch_all::<i64>(&two, ()).await.unwrap(), [1, 2]);
        let error = session.fetch_all::<i64>("SET @a = 1", ()).await.unwrap_err();
        assert_eq!(usage(error), UsageError::NoResultSet);
        let error = session.fetch_one::<(i64, i64)>(&one, ()).await.unwrap_err();
        assert_eq!(usage(error), UsageError::ColumnCount { row: 1, wanted: 2 });
        let error = session.fetch_one::<i8>("SELECT 300", ()).await.unwrap_err();
        assert!(matches!(error, Error::Column(_)) && !error.is_fatal(), "{error:?}");
        // Each of them left the session in order.
        usable(&mut session).await;
    });
}

#[test]
fn a_statement_without_rows_and_an_empty_result_set_are_two_things() {
    each_server(async |target| {
        let mut session = target.session().await;
        let mut rows = session.query("SET @a = 1", ()).await.unwrap();
        assert!(rows.columns().is_empty());
        assert!(rows.next().await.unwrap().is_none());
        rows.finish().await.unwrap();
        let mut rows =
            session.query("SELECT 1 AS a, 2 AS b FROM DUAL WHERE 1 = 0", ()).await.unwrap();
        assert_eq!(rows.columns().len(), 2);
        assert!(rows.next().await.unwrap().is_none());
        assert!(rows.next_batch().await.unwrap().is_none());
        rows.finish().await.unwrap();
        assert_eq!(code(session.execute("", ()).await), 1065);
        assert_eq!(code(session.execute("SELEKT 1", ()).await), 1064);
        usable(&mut session).await;
    });
}

/// E-45: rows that start as OK packets and LOCAL INFILE requests do.
#[test]
fn e45_an_empty_string_is_no_null() {
    each_server(async |target| {
        let mut session = target.session().await;
        let row: (Option<String>, Option<String>) =
            session.fetch_one("SELECT '', NULL", ()).await.unwrap();
        assert_eq!(row, (Some(String::new()), None));
        let row: (Option<String>, Option<String>) =
            session.fetch_one("SELECT NULL, ''", ()).await.unwrap();
        assert_eq!(row, (None, Some(String::new())));
        let all: Vec<Option<String>> = session
            .fetch_all("SELECT '' UNION ALL SELECT NULL UNION ALL SELECT ''", ())
            .await
            .unwrap();
        assert_eq!(all, [Some(String::new()), None, Some(String::new())]);
        usable(&mut session).await;
    });
}

#[test]
fn four_thousand_and_ninety_six_columns() {
    each_server(async |target| {
        let mut session = target.session().await;
        let list: Vec<String> = (0..4096).map(|i| format!("{i} AS c{i}")).collect();
        let sql = format!("SELECT {}", list.join(","));
        let mut rows = session.query(&sql, ()).await.unwrap();
        assert_eq!(rows.columns().len(), 4096);
        let row = rows.next().await.unwrap().unwrap();
        for (i, value) in row.iter().enumerate() {
            assert_eq!(value.unwrap().unwrap().bytes(), i.to_string().as_bytes());
        }
        assert_eq!(row.get::<u16>("c4095").unwrap(), 4095);
        assert!(rows.next().await.unwrap().is_none());
        rows.finish().await.unwrap();
        usable(&mut session).await;
    });
}

/// E-58: the number of columns at the borders of its encodings.
#[test]
fn e58_numbers_of_columns_around_251() {
    each_server(async |target| {
        let mut session = target.session().await;
        for columns in [250, 251, 252, 255, 256, 257] {
            let sql = format!("SELECT {}", vec!["7"; columns].join(","));
            let row: OwnedRow = session.fetch_one(&sql, ()).await.unwrap();
            assert_eq!(row.columns().len(), columns);
            assert_eq!(row.get::<i64>(columns - 1).unwrap(), 7);
        }
    });
}

/// F-04: the sequence ids of the rows run over.
#[test]
fn f04_more_than_256_packets_in_a_reply() {
    each_server(async |target| {
        let mut session = target.session().await;
        for rows in [251, 252, 253, 254, 255, 256, 257, 600] {
            let all: Vec<i64> = session.fetch_all(&counting(rows), ()).await.unwrap();
            assert_eq!(all.len(), rows as usize);
        }
        usable(&mut session).await;
    });
}

#[test]
fn many_small_statements_on_one_session() {
    each_server(async |target| {
        let mut session = target.local().await;
        for i in 0..500 {
            let sql = format!("SELECT {i}");
            assert_eq!(session.fetch_one::<i64>(&sql, ()).await.unwrap(), i);
        }
        session.ping().await.unwrap();
        session.close().await.unwrap();
    });
}
