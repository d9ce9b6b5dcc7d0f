//! `mywire query`: formats, conventions, parameters, mistakes.

use serde_json::{Value, json};

use crate::{Place, query, run, run_with, servers};

const TABLE: &str = "CREATE TABLE t (i INT UNSIGNED ZEROFILL PRIMARY KEY, t TINYINT, l BIGINT, \
    u BIGINT UNSIGNED, d DECIMAL(30,5), f FLOAT, w DOUBLE, b BIT(9), a DATE, m TIME(3), \
    c DATETIME(6), p TIMESTAMP NULL, y YEAR, s VARCHAR(90), x TEXT, e ENUM('k', 'l'), \
    g SET('x', 'y'), o BLOB, n BINARY(3), j JSON, z POINT) ENGINE=InnoDB";

const ROWS: &str = r#"INSERT INTO t VALUES
    (1, -128, -9223372036854775808, 18446744073709551615, 1234567890123456789012345.5, 0.1, 1e20, 257,
     '2020-02-29', '-838:59:58.5', '2020-01-02 03:04:05.678901', '2020-01-02 03:04:05', 2020,
     'a,"b" \\ \t\n☃', 'NULL', 'k', 'x,y', x'00FF410A', 'ab', '{"a": [1, 2.50]}',
     ST_GeomFromText('POINT(1 2)')),
    (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     NULL, NULL, NULL, NULL),
    (3, 0, 0, 0, 0, 0, 0, 0, '1000-01-01', 0, '1000-01-01', '1970-01-02', 1901, '', '\\N', 'l', '', '',
     '', '[]', NULL)"#;

/// Every type as TSV is what the server's own client writes; as CSV and JSON it is the same.
#[test]
fn types_are_written_as_the_servers_own_client_does() {
    for server in servers::all() {
        let place = Place::new(server);
        place.query(TABLE, &[]);
        place.query(ROWS, &[]);
        let tsv = place.query("SELECT * FROM t", &["--format", "tsv", "--null", "NULL"]);
        // Without its way of writing bytes, which the clients do not have in common.
        let client = place.client(
            "SELECT i, t, l, u, d, f, w, b + 0 AS b, a, m, c, p, y, s, x, e, g, \
             CONCAT('0x', HEX(o)) AS o, CONCAT('0x', HEX(n)) AS n, j, CONCAT('0x', HEX(z)) AS z FROM t",
        );
        if let Some(client) = client {
            assert_eq!(tsv, client, "{}", server.name);
        }

        // CSV, read by another reader: the same values, unescaped.
        let unescaped = |cell: &str| {
            cell.replace("\\\\", "\u{1}")
                .replace("\\n", "\n")
                .replace("\\t", "\t")
                .replace('\u{1}', "\\")
        };
        let csv = place.query("SELECT * FROM t", &["--format", "csv", "--null", "NULL"]);
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(csv.as_bytes());
        let cells: Vec<Vec<String>> = reader
            .records()
            .map(|record| record.unwrap().iter().map(str::to_owned).collect())
            .collect();
        let expected: Vec<Vec<String>> =
            tsv.lines().map(|line| line.split('\t').map(unescaped).collect()).collect();
        assert_eq!(cells, expected);
        // The text "NULL" stands in quotes, NULL does not.
        assert!(csv.contains(",\"NULL\",") && csv.contains("\n0000000002,NULL,NULL,"));

        let ndjson = place.query("SELECT * FROM t", &["--format", "ndjson"]);
        let rows: Vec<Value> =
            ndjson.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(rows[0]["i"], 1);
        assert_eq!(rows[0]["l"], i64::MIN);
        assert_eq!(rows[0]["u"], u64::MAX);
        assert_eq!(rows[0]["d"], "1234567890123456789012345.50000");
        assert_eq!(
            (&rows[0]["w"], &rows[0]["f"], &rows[0]["b"]),
            (&json!(1e20), &json!(0.1), &json!(257))
        );
        assert_eq!(rows[0]["m"], "-838:59:58.500");
        assert_eq!(rows[0]["s"], "a,\"b\" \\ \t\n☃");
        assert_eq!((&rows[0]["x"], &rows[2]["x"]), (&json!("NULL"), &json!("\\N")));
        assert_eq!(rows[0]["o"], "0x00FF410A");
        assert_eq!(rows[0]["j"], json!({"a": [1, 2.5]}));
        assert!(
            rows[1].as_object().unwrap().iter().all(|(key, value)| key == "i" || value.is_null())
        );
        let array = place.query("SELECT * FROM t", &["--format", "json"]);
        assert_eq!(serde_json::from_str::<Vec<Value>>(&array).unwrap(), rows);
        // The binary protocol has the same values.
        for format in ["tsv", "csv", "ndjson"] {
            let sql = "SELECT t, l, u, d, w, b, a, m, c, p, y, s, x, e, g, o, n, j, z FROM t";
            let text = place.query(sql, &["-f", format]);
            let sql = format!("{sql} WHERE '1' = ?");
            assert_eq!(place.query(&sql, &["-f", format, "--param", "1"]), text);
        }
    }
}

#[test]
fn conventions_can_be_chosen() {
    let server = &servers::all()[0];
    let sql = "SELECT NULL AS a, '' AS b, x'4D616E00' AS c, 5000000000 AS d";
    let of = |further: &[&str]| query(server, sql, further).ok();
    assert_eq!(of(&["-f", "csv"]), "a,b,c,d\n,\"\",0x4D616E00,5000000000\n");
    assert_eq!(of(&["-f", "csv", "--null", "-", "--no-header"]), "-,\"\",0x4D616E00,5000000000\n");
    assert_eq!(
        of(&["-f", "tsv", "--binary", "base64"]),
        "a\tb\tc\td\n\\N\t\tTWFuAA==\t5000000000\n"
    );
    assert_eq!(of(&[]), of(&["-f", "tsv"]), "standard output is no terminal");
    assert_eq!(of(&["-f", "csv", "--binary", "raw", "--no-header"]), ",\"\",Man\0,5000000000\n");
    let json = of(&["-f", "ndjson", "--bigint-as-text"]);
    assert_eq!(json, "{\"a\":null,\"b\":\"\",\"c\":\"0x4D616E00\",\"d\":\"5000000000\"}\n");
    assert_eq!(query(server, "SELECT 1 AS n LIMIT 0", &["-f", "json"]).ok(), "[]\n");
    let table = query(
        server,
        "SELECT 1 AS n, '世\u{1b}[1m' AS wide UNION SELECT 20, NULL",
        &["-f", "table"],
    );
    assert_eq!(
        table.ok(),
        "+----+-------------+\n| n  | wide        |\n+----+-------------+\n\
         |  1 | 世\\u{1b}[1m |\n| 20 | NULL        |\n+----+-------------+\n2 rows\n"
    );
}

#[test]
fn parameters_and_several_results() {
    for server in servers::all() {
        let further =
            ["-f", "ndjson", "--param", "007", "--param-json", "7", "--param-json", "null"];
        let out = query(server, "SELECT ? AS a, ? AS b, ? AS c", &further).ok();
        assert_eq!(out, "{\"a\":\"007\",\"b\":7,\"c\":null}\n", "{}", server.name);
        let place = Place::new(server);
        place.query("CREATE PROCEDURE p() BEGIN SELECT 1 AS a; SELECT 'x' AS b; END", &[]);
        assert_eq!(place.query("CALL p()", &["-f", "csv"]), "a\n1\n\nb\nx\n");
        let mut command = crate::mywire();
        command.args(["query", &place.url, "-"]);
        assert_eq!(run_with(&mut command, b"SELECT 5 AS a").ok(), "a\n5\n");
        let ran = run(&["query", &place.url, "CREATE TABLE t (a INT)"]);
        assert_eq!(ran.err, "0 rows affected, 0 warnings\n");
        assert_eq!(ran.ok(), "");
        let file = place.folder.join("out.csv");
        let path = file.to_str().unwrap();
        assert_eq!(place.query("SELECT 1 AS a", &["-f", "csv", "--output", path]), "");
        assert_eq!(std::fs::read_to_string(file).unwrap(), "a\n1\n");
    }
}

#[test]
fn mistakes_have_their_exit_codes() {
    let server = &servers::all()[0];
    query(server, "SELEC 1", &[]).fails(1, "1064");
    query(server, "SELECT ?", &[]).fails(1, "");
    query(server, "SELECT 1 AS a, 2 AS a", &["-f", "json"]).fails(1, "two columns are called `a`");
    query(server, "SELECT 1", &["-f", "json", "--binary", "raw"]).fails(2, "raw bytes");
    query(server, "SELECT 1", &["-f", "xml"]).fails(2, "possible values");
    query(server, "SELECT ?", &["--param-json", "[1]"]).fails(2, "--param-json takes");
    query(server, "SELECT 1", &["-o", "/no/such/folder/file"]).fails(1, "/no/such/folder/file");
    query(server, "SELECT 1", &["-f", "json", "--null", "x"]).fails(2, "--null is for");
    query(server, "SELECT 1", &["-f", "ndjson", "--no-header"]).fails(2, "--no-header is for");
    query(server, "SELECT 1", &["-f", "csv", "--bigint-as-text"])
        .fails(2, "--bigint-as-text is for");
    query(server, "SELECT 1", &["--defaults-group-suffix", "x"]).fails(2, "--defaults-file");
    // What came before the error is written.
    let sql = "SELECT 1 AS a UNION ALL SELECT (SELECT 1 UNION SELECT 2)";
    let ran = query(server, sql, &[]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains("1242"), "{ran:?}");
    run(&["query"]).fails(2, "URL");
    run(&["fetch"]).fails(2, "unrecognized subcommand");
    for help in ["--help", "--version"] {
        assert!(run(&[help]).ok().contains("mywire"));
    }
    let help = run(&["query", "--help"]).ok();
    assert!(help.contains("NULL") && help.contains("bytes"), "{help}");
    assert!(run(&["--help"]).ok().contains("130"));
}

/// Rows of a table whose third one is an error.
const HALF: &str =
    "SELECT a, (SELECT u.a FROM t u WHERE u.a = t.a OR t.a = 3) AS b FROM t ORDER BY a";

fn five_rows(place: &Place) {
    place.query("CREATE TABLE t (a INT PRIMARY KEY) ENGINE=InnoDB", &[]);
    place.query("INSERT INTO t VALUES (1), (2), (3), (4), (5)", &[]);
}

#[test]
fn an_error_half_way_leaves_the_rows_before_it() {
    for server in servers::all() {
        let place = Place::new(server);
        five_rows(&place);
        for (format, expected) in [
            ("tsv", "a\tb\n1\t1\n2\t2\n"),
            ("table", "+---+---+\n| a | b |\n+---+---+\n| 1 | 1 |\n| 2 | 2 |\n"),
        ] {
            let ran = query_at(&place, HALF, &["-f", format]);
            assert_eq!((ran.code, ran.out.as_str()), (Some(1), expected), "{}", server.name);
            assert!(ran.err.contains("1242"), "{ran:?}");
        }
    }
}

fn query_at(place: &Place, sql: &str, further: &[&str]) -> crate::Ran {
    run(&[&["query", &place.url, sql, "--quiet"], further].concat())
}

/// A file has its name only with everything in it.
#[test]
fn a_failure_leaves_the_file_that_was_there() {
    for server in servers::all() {
        let place = Place::new(server);
        five_rows(&place);
        let file = place.write("out.tsv", "kept");
        let partial = format!("{file}.partial");
        let read = |file: &str| std::fs::read_to_string(file).ok();
        query_at(&place, "SELEC 1", &["-o", &file]).fails(1, "1064");
        assert_eq!((read(&file).as_deref(), read(&partial)), (Some("kept"), None));
        query_at(&place, HALF, &["-o", &file]).fails(1, "1242");
        assert_eq!(read(&file).as_deref(), Some("kept"));
        assert_eq!(read(&partial).as_deref(), Some("a\tb\n1\t1\n2\t2\n"));
        query_at(&place, "SELECT 1 AS a", &["-o", &file]).ok();
        assert_eq!((read(&file).as_deref(), read(&partial)), (Some("a\n1\n"), None));
    }
}

/// What is no regular file is written in place, and a link and a file's mode stay.
#[cfg(unix)]
#[test]
fn output_keeps_what_is_there() {
    use std::os::unix::fs::PermissionsExt;
    let server = &servers::all()[0];
    let place = Place::new(server);
    assert_eq!(query(server, "SELECT 1 AS a", &["-o", "/dev/stdout"]).ok(), "a\n1\n");
    let file = place.write("private", "before");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let link = place.folder.join("link");
    std::os::unix::fs::symlink("private", &link).unwrap();
    query(server, "SELECT 1 AS a", &["-o", link.to_str().unwrap()]).ok();
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "a\n1\n");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn bytes_in_base_64_are_never_null() {
    let server = &servers::all()[0];
    let of = |further: &[&str]| query(server, "SELECT x'3542CB' AS a, NULL AS b", further);
    let csv = ["-f", "csv", "--no-header", "--binary", "base64", "--null", "NULL"];
    assert_eq!(of(&csv).ok(), "\"NULL\",NULL\n");
    assert_eq!(
        of(&["-f", "csv", "--no-header", "--null", "0x3542CB"]).ok(),
        "\"0x3542CB\",0x3542CB\n"
    );
    for null in [",", "\"", "a\nb", "\r"] {
        of(&["-f", "csv", "--null", null]).fails(2, "would break the record");
    }
    for null in ["\t", "\n"] {
        of(&["-f", "tsv", "--null", null]).fails(2, "would break the record");
    }
    of(&["-f", "tsv", "--null", ","]).ok();
}

#[test]
fn a_table_obeys_nothing_that_turns_its_letters() {
    let server = &servers::all()[0];
    let sql = "SELECT 'a\u{202e}b' AS t UNION ALL SELECT '\u{2066}\u{2069}'";
    let table = query(server, sql, &["-f", "table", "--no-header"]).ok();
    assert!(table.contains("| a\\u{202e}b       |\n"), "{table}");
    assert!(table.contains("| \\u{2066}\\u{2069} |\n"), "{table}");
}
