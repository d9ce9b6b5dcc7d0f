//! E-75: what columns can be called.

use mywire::OwnedRow;
use mywire::error::UsageError;

use crate::each_server;
use crate::target::usable;

#[test]
fn e75_duplicate_empty_long_quoted_and_foreign_names() {
    each_server(async |target| {
        let mut session = target.session().await;
        let long = "n".repeat(64);
        let sql = format!(
            "SELECT 1 AS a, 2 AS a, 3 AS ``, 4 AS `{long}`, 5 AS `a``b`, 6 AS `größe`, 7 AS \
             `with space`, 8 AS `A`"
        );
        let row: OwnedRow = session.fetch_one(&sql, ()).await.unwrap();
        let names: Vec<_> = row.columns().iter().map(|column| column.name().into_owned()).collect();
        assert_eq!(names, ["a", "a", "", &long, "a`b", "größe", "with space", "A"]);
        // The first of two, and letters as they are.
        for (name, value) in
            [("a", 1), ("", 3), (&*long, 4), ("a`b", 5), ("größe", 6), ("with space", 7), ("A", 8)]
        {
            assert_eq!(row.get::<i64>(name).unwrap(), value, "{name}");
        }
        assert_eq!(row.get::<i64>(1).unwrap(), 2);
        let error = row.get::<i64>("missing").unwrap_err();
        let mywire::Error::Usage(UsageError::NoSuchColumn { .. }) = error else {
            panic!("{error:?}")
        };
        assert!(error.to_string().contains("`missing`"), "{error}");
        assert!(!error.is_fatal());
        usable(&mut session).await;
    });
}

#[test]
fn tables_and_columns_keep_their_own_names_next_to_their_aliases() {
    each_server(async |target| {
        let mut session = target.session().await;
        let database = target.database(&mut session).await;
        session.execute("CREATE TABLE own_table (own_name INT)", ()).await.unwrap();
        let sql = "SELECT t.own_name AS alias, 1 + 1 AS two FROM own_table AS t";
        let rows = session.query(sql, ()).await.unwrap();
        let column = rows.columns().get(0).unwrap();
        assert_eq!(column.name(), "alias");
        assert_eq!(column.org_name(), "own_name");
        assert_eq!(column.table(), "t");
        assert_eq!(column.org_table(), "own_table");
        assert_eq!(column.schema(), database);
        let column = rows.columns().get(1).unwrap();
        assert_eq!((&*column.name(), &*column.org_name(), &*column.table()), ("two", "", ""));
        assert_eq!(rows.columns().position("two"), Some(1));
        rows.finish().await.unwrap();
    });
}
