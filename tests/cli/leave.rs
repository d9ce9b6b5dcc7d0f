//! Leaving early: Ctrl-C, closed pipes; and memory meanwhile.
#![cfg(unix)]

use std::fs;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::{MILLION, Place, Ran, interruptible, servers};

/// A kill, a login and a query on a machine that is busy with everything else.
const PATIENCE: u32 = 600;

fn spawn(arguments: &[&str]) -> Child {
    let mut command = interruptible();
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("mywire runs")
}

/// Waits until `sql` counts what is wanted.
#[track_caller]
fn until(place: &Place, sql: &str, wanted: &str) {
    for _ in 0..PATIENCE {
        if place.query(sql, &["--no-header"]) == wanted {
            return;
        }
        sleep(Duration::from_millis(100));
    }
    panic!("{sql} does not become {wanted:?}");
}

/// Statements that hold this text, other than the one that asks.
fn running(text: &str) -> String {
    format!(
        "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '%{text}%' \
         AND info NOT LIKE '%processlist%'"
    )
}

#[test]
fn ctrl_c_ends_the_statement_on_the_server() {
    for server in servers::all() {
        let place = Place::new(server);
        let mark = format!("interrupt {}", place.database);
        for signal in ["-INT", "-TERM"] {
            let sql = format!("SELECT SLEEP(1000) /* {mark} */");
            let child = spawn(&["query", &place.url, &sql]);
            until(&place, &running(&mark), "1\n");
            let id = child.id().to_string();
            assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
            let ran = Ran::of(child.wait_with_output().unwrap());
            assert_eq!((ran.code, ran.err.as_str()), (Some(130), "mywire: interrupted\n"));
            until(&place, &running(&mark), "0\n");
        }
    }
}

/// Who started it with nohup, or in the background of a script, keeps it to its end.
#[test]
fn signals_that_are_ignored_stay_so() {
    for server in servers::all() {
        let place = Place::new(server);
        let sql = format!("{MILLION}, d g /* ignored {} */", place.database);
        let mut command = Command::new("env");
        command.args(["--ignore-signal=INT,HUP", env!("CARGO_BIN_EXE_mywire")]);
        command.args(["query", &place.url, &sql, "--no-header"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = child.stdout.take().unwrap();
        let mut text = vec![0; 64 << 10];
        out.read_exact(&mut text).unwrap();
        for signal in ["-INT", "-HUP"] {
            let id = child.id().to_string();
            assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        }
        // Rows behind the pipe's and the buffers' own.
        let mut more = vec![0; 4 << 20];
        out.read_exact(&mut more).unwrap();
        let id = child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        out.read_to_end(&mut more).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130), "{}", server.name);
    }
}

/// Rows that were there before are written whole.
#[test]
fn ctrl_c_in_a_stream_leaves_whole_rows() {
    for server in servers::all() {
        let place = Place::new(server);
        let sql = format!("{MILLION}, d g /* stream {} */", place.database);
        let mut child = spawn(&["query", &place.url, &sql, "--no-header"]);
        let mut out = child.stdout.take().unwrap();
        let mut text = vec![0; 64 << 10];
        out.read_exact(&mut text).unwrap();
        let id = child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        out.read_to_end(&mut text).unwrap();
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(130), "{}", server.name);
        let text = String::from_utf8(text).unwrap();
        assert!(text.ends_with('\n') && text.lines().all(|line| line.len() == 7));
        assert!(text.len() < 8 * 10_000_000);
    }
}

#[test]
fn ctrl_c_undoes_a_load() {
    for server in servers::all() {
        let place = Place::new(server);
        place.query("CREATE TABLE t (a INT) ENGINE=InnoDB", &[]);
        for via in ["infile", "bulk"] {
            let mut command = interruptible();
            command.args(["load", &place.url, "t", "-", "--via", via, "--no-header"]);
            command.stdin(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            // The pipe stays open, so the load waits for more.
            let mut pipe = child.stdin.take().unwrap();
            let rows: String = (0..40_000).map(|n| format!("{n}\n")).collect();
            std::io::Write::write_all(&mut pipe, rows.as_bytes()).unwrap();
            let id = child.id().to_string();
            assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
            let ran = Ran::of(child.wait_with_output().unwrap());
            drop(pipe);
            assert_eq!(ran.code, Some(130), "{} {via}: {ran:?}", server.name);
            assert_eq!(place.query("SELECT COUNT(*) FROM t", &["--no-header"]), "0\n");
        }
    }
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    for server in servers::all() {
        let place = Place::new(server);
        let mark = format!("pipe {}", place.database);
        let sql = format!("{MILLION}, d g /* {mark} */");
        let mut child = spawn(&["query", &place.url, &sql]);
        let mut first = [0; 10];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        assert!(first.starts_with(b"n\n1"), "{first:?}");
        let ran = Ran::of(child.wait_with_output().unwrap());
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{}", server.name);
        until(&place, &running(&mark), "0\n");
    }
}

/// A million rows: what the process holds at their end is what it held after a tenth of them.
#[cfg(target_os = "linux")]
#[test]
fn memory_stays_flat() {
    let held = |child: &Child| -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    };
    let server = &servers::all()[0];
    for format in ["table", "csv", "tsv", "json", "ndjson"] {
        let mut child = spawn(&["query", &server.url, MILLION, "-f", format]);
        let mut out = child.stdout.take().unwrap();
        let (mut read, mut first) = (0, None);
        let mut piece = vec![0; 64 << 10];
        let mut last = 0;
        loop {
            let n = out.read(&mut piece).unwrap();
            if n == 0 {
                break;
            }
            read += n;
            if first.is_none() && read > 800_000 {
                first = Some(held(&child));
            }
            // The process waits for us with the rest, at the latest here.
            if (7_000_000..7_800_000).contains(&read) {
                last = held(&child);
            }
        }
        assert!(child.wait().unwrap().success());
        let first = first.unwrap();
        assert!(read >= 8_000_000 && last > 0, "{format}: {read} bytes");
        assert!(last < first + 1024, "{format}: {first} kB, then {last} kB");
    }
}
