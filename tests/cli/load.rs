//! `mywire load`: what was written comes back, and a file with a fault leaves nothing.

use crate::{Place, run, servers};

const VIAS: [&str; 3] = ["auto", "infile", "bulk"];

#[test]
fn what_query_writes_load_reads() {
    for server in servers::all() {
        let place = Place::new(server);
        place.query(
            "CREATE TABLE t (i INT PRIMARY KEY, s VARCHAR(90), o BLOB, b BIT(9), d DECIMAL(9,2), \
             m TIME(3), j JSON, z POINT) ENGINE=InnoDB",
            &[],
        );
        place.query(
            "INSERT INTO t VALUES (1, 'a,\"b\" \\\\ \\t\\r\\n☃', x'00FF', 257, 1.5, '-1:00:00.5', '[1]', \
             ST_GeomFromText('POINT(1 2)')), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL), \
             (3, '', '', 0, 0, 0, '\"\"', NULL), (4, '\\\\N', '\\\\N', 1, 2, 3, 'null', NULL)",
            &[],
        );
        for (via, binary) in VIAS.iter().flat_map(|via| [(via, "hex"), (via, "base64")]) {
            let csv = place.query("SELECT * FROM t ORDER BY i", &["-f", "csv", "--binary", binary]);
            place.query("DELETE FROM t", &[]);
            let ran = place.load(&csv, &["--via", via, "--binary", binary]);
            assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{} {via}", server.name);
            let back =
                place.query("SELECT * FROM t ORDER BY i", &["-f", "csv", "--binary", binary]);
            assert_eq!(back, csv, "{} {via}", server.name);
        }
    }
}

#[test]
fn columns_come_from_the_file_or_the_caller() {
    for server in servers::all() {
        let place = Place::new(server);
        place.query("CREATE TABLE t (a INT, b VARCHAR(9), c INT DEFAULT 9) ENGINE=InnoDB", &[]);
        for via in VIAS {
            place.query("DELETE FROM t", &[]);
            place.load("b,a\nx,1\r\n\n,\n", &["--via", via]).ok();
            place.load("y,2\n", &["--via", via, "--no-header", "--columns", "b,a"]).ok();
            place.load("whatever,names\nz,3", &["--via", via, "--columns", "b,a"]).ok();
            place.load("4,w,5\n", &["--via", via, "--no-header"]).ok();
            place.load("b\nNULL\n\"NULL\"\n", &["--via", via, "--null", "NULL"]).ok();
            let rows = place.query("SELECT * FROM t ORDER BY a, b", &["-f", "csv"]);
            let expected = "a,b,c\n,,9\n,,9\n,NULL,9\n1,x,9\n2,y,9\n3,z,9\n4,w,5\n";
            assert_eq!(rows, expected, "{} {via}", server.name);
        }
        // A file, and a table of another database.
        let file = place.write("rows.csv", "a\n7\n");
        let table = format!("{}.t", place.database);
        let ran = run(&["load", &server.url, &table, &file]);
        assert_eq!(ran.err, "1 rows read, 1 rows affected, 0 warnings\n", "{}", server.name);
        assert_eq!(place.query("SELECT COUNT(*) FROM t WHERE a = 7", &["--no-header"]), "1\n");
    }
}

#[test]
fn a_fault_leaves_nothing() {
    for server in servers::all() {
        let place = Place::new(server);
        place.query(
            "CREATE TABLE t (a INT PRIMARY KEY, b VARCHAR(3), o BLOB, i BIT(8)) ENGINE=InnoDB",
            &[],
        );
        place.query("INSERT INTO t (a) VALUES (50)", &[]);
        for via in VIAS {
            for (csv, told) in [
                ("a,b\n1,x\n2\n", "line 3: 1 values for 2 columns (a, b)"),
                ("a,b\n1,x\n2,\"y\n", "line 3: the quote that opens"),
                ("a,b\n1,\"x\n\"\n2,y\"\n", "line 4: a quote stands"),
                ("a,o\n1,0xFF\n2,ff\n", "line 3, column `o`: the value is not 0x"),
                ("a,i\n1,300x\n", "line 2, column `i`: the value is not a decimal number"),
                ("a,b\n1,x\n50,y\n", "Duplicate entry"),
                ("a,b\n1,x\n2,long\n", "Data too long"),
                ("a,nosuch\n1,x\n", "nosuch"),
                ("", "the file is empty"),
            ] {
                let ran = place.load(csv, &["--via", via]);
                // LOAD DATA LOCAL makes a warning of it, in words of its own.
                let cut = told == "Data too long" && ran.err.contains("Data truncated");
                let told = if cut { "Data truncated" } else { told };
                assert!(ran.err.contains(told), "{} {via} {csv:?}: {ran:?}", server.name);
                ran.fails(1, told);
                let rows = place.query("SELECT a FROM t", &["--no-header"]);
                assert_eq!(rows, "50\n", "{} {via} {csv:?}", server.name);
            }
            let bad = [&b"a,b\n1,"[..], &[0xFF], b"\n"].concat();
            let mut command = crate::mywire();
            command.args(["load", &place.url, "t", "-", "--via", via]);
            crate::run_with(&mut command, &bad)
                .fails(1, "line 2, column `b`: the value is not UTF-8");
            // Duplicates on request.
            place.load("a,b\n1,x\n50,y\n", &["--via", via, "--ignore"]).ok();
            place.load("a,b\n50,z\n", &["--via", via, "--replace"]).ok();
            let rows = place.query("SELECT a, b FROM t", &["-f", "csv", "--no-header"]);
            assert_eq!(rows, "1,x\n50,z\n", "{} {via}", server.name);
            place.query("DELETE FROM t WHERE a < 50", &[]);
        }
        run(&["load", &place.url, "t", "/no/such/file"]).fails(1, "cannot read /no/such/file");
        run(&["load", &place.url, "nosuch", "-"]).fails(1, "");
    }
}

/// Many rows, so that both ways send more than one packet.
#[test]
fn many_rows_are_loaded() {
    for server in servers::all() {
        let place = Place::new(server);
        place.query("CREATE TABLE t (a INT PRIMARY KEY, b VARCHAR(90)) ENGINE=InnoDB", &[]);
        let rows = 30_000;
        let csv: String = (0..rows).map(|n| format!("{n},\"the row, {n}\"\n")).collect();
        for via in ["infile", "bulk"] {
            place.load(&csv, &["--via", via, "--no-header"]).ok();
            let counted = place
                .query("SELECT COUNT(*), SUM(b = CONCAT('the row, ', a)) FROM t", &["--no-header"]);
            assert_eq!(counted, format!("{rows}\t{rows}\n"), "{} {via}", server.name);
            place.query("TRUNCATE t", &[]);
        }
    }
}
