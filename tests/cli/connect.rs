//! Passwords, option files, `mywire ping`, `mywire record`.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Stdio};
use std::time::Duration;

use crate::{Place, Ran, is_file, mywire, run, servers};

/// The URL without its password.
fn bare(url: &str) -> String {
    url.replace(":secret@", "@")
}

#[test]
fn passwords_need_not_be_on_the_command_line() {
    for server in servers::all().iter().filter(|server| server.url.contains(":secret@")) {
        let place = Place::new(server);
        let url = bare(&server.url);
        let sql = ["query", &url, "SELECT 1 AS a"];
        run(&sql).fails(3, "-p asks for it");
        let ran = |variables: &[(&str, &str)], further: &[&str]| {
            let mut command = mywire();
            command.envs(variables.iter().copied()).args(sql).args(further);
            Ran::of(command.output().expect("mywire runs"))
        };
        assert_eq!(ran(&[("MYWIRE_PASSWORD", "secret")], &[]).ok(), "a\n1\n");
        let file = place.write("password", "secret\n");
        assert_eq!(ran(&[("MYWIRE_PASSWORD", "no")], &["--password-file", &file]).ok(), "a\n1\n");
        ran(&[], &["--password-file", "/no/such/file"]).fails(3, "/no/such/file");
        let wrong = ran(&[("MYWIRE_PASSWORD", "s3nt1nel")], &[]);
        assert!(!wrong.err.contains("s3nt1nel") && !wrong.err.contains("-p asks"), "{wrong:?}");
        wrong.fails(3, "1045");

        // Option files, by name, with the variables below them.
        let options =
            place.write("my.cnf", "[client]\npassword='secret'\n[client_x]\npassword=no\n");
        assert_eq!(ran(&[("MYSQL_PWD", "no")], &["--defaults-file", &options]).ok(), "a\n1\n");
        ran(&[], &["--defaults-file", &options, "--defaults-group-suffix", "_x"]).fails(3, "1045");
        ran(&[("MYSQL_PWD", "secret")], &[]).fails(3, "1045");
        ran(&[], &["--defaults-file", "/no/such.cnf"]).fails(2, "/no/such.cnf cannot be read");
        // The usual ones, in a home of our own.
        place.write(".my.cnf", "[client]\npassword=secret\n");
        let home = place.folder.to_str().unwrap();
        assert_eq!(ran(&[("HOME", home)], &["--defaults"]).ok(), "a\n1\n");
        ran(&[("HOME", home)], &[]).fails(3, "1045");
        // All of the URL.
        let (host, port) = (&server.host, server.port);
        let text = format!("[mywire]\nhost={host}\nport={port}\nuser=root\npassword=secret\n");
        let all = place.write("all.cnf", &text);
        let ran = run(&["query", "mysql://", "SELECT 1 AS a", "--defaults-file", &all]);
        assert_eq!(ran.ok(), "a\n1\n", "{}", server.name);
    }
}

#[test]
fn no_server_and_no_url_are_told_apart() {
    run(&["ping", "mysql://root@127.0.0.1:1"]).fails(3, "cannot connect to 127.0.0.1:1");
    run(&["ping", "mysql://"]).fails(2, "names no host");
    run(&["ping", "http://a"]).fails(2, "scheme");
    run(&["ping", "mysql://a/b?ssl-mod=x"]).fails(2, "ssl-mode");
    run(&["ping", "mysql://a/b", "-c", "0"]).fails(2, "--count");
}

/// Wrong arguments are told without what may be a password.
#[test]
fn mistakes_in_arguments_show_no_password() {
    let url = "mysql://root:s3nt1nel@127.0.0.1:1/shop";
    for arguments in [
        &[url][..],
        &["ping", url, url],
        &["ping", url, "--password=s3nt1nel"],
        &["ping", url, "--password", "s3nt1nel"],
        &["ping", url, "-p", "s3nt1nel"],
        &["ping", url, "-ps3nt1nel"],
        &["ping", url, "-p=s3nt1nel"],
        &["ping", url, "--pasword=s3nt1nel"],
        &["ping", url, "-c", url],
        &["ping", url, "--url", url],
        &["ping", &format!("--url={url}")],
        &["query", url, "SELECT 1", "-f", url],
        &["query", "-p", "s3nt1nel", url, "SELECT 1"],
        &["load", url, "t", "-", url],
        &["s3nt1nel", "ping", url],
    ] {
        let ran = run(arguments);
        assert!(!ran.err.contains("s3nt1nel"), "{ran:?}");
        ran.fails(2, "error");
    }
    // What helps and is no secret is told.
    run(&["ping", url, "--cuont=2"]).fails(2, "'--cuont'");
    run(&["ping", url, "-c", "none"]).fails(2, "'none'");
    run(&["pnig", url]).fails(2, "'pnig'");
    // `-o ther` and a question for the password, as flags go.
    run(&["query", url, "SELECT 1", "-pother"]).fails(2, "-p takes no password");
    let parameters = ["query", url, "SELECT ?", "--param", "-pother"];
    run(&parameters).fails(3, "cannot connect");
}

/// The host that a variable names is not given up for the socket that a file names.
#[test]
fn a_host_of_the_environment_goes_before_a_socket_of_a_file() {
    let folder = std::env::temp_dir().join(format!("cli_host_{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let options = folder.join("my.cnf");
    fs::write(&options, "[client]\nuser=root\npassword=s3nt1nel\nsocket=/no/such.sock\n").unwrap();
    let mut command = mywire();
    command.env("MYSQL_HOST", "127.0.0.1").env("MYSQL_TCP_PORT", "1");
    command.args(["ping", "mysql://", "--defaults-file", options.to_str().unwrap()]);
    let ran = Ran::of(command.output().expect("mywire runs"));
    fs::remove_dir_all(&folder).unwrap();
    ran.fails(3, "cannot connect to 127.0.0.1:1");
}

#[test]
fn ping_tells_who_answers() {
    for server in servers::all() {
        let out = run(&["ping", &server.url, "--count", "3"]).ok();
        let version = crate::query(server, "SELECT VERSION()", &["--no-header"]).ok();
        assert!(out.contains(version.trim().split('-').next().unwrap()), "{version} {out}");
        for word in ["server ", "tls ", "plugin ", "round trip ", "(of 3: least "] {
            assert!(out.contains(word), "{out}");
        }
        if let Some(socket) = &server.socket {
            let url = format!("mysql://root:secret@localhost/?socket={}", socket.display());
            let out = run(&["ping", &url]).ok();
            assert!(out.contains(&socket.display().to_string()), "{out}");
            assert!(out.contains("tls         none"), "{out}");
            let url = format!("{}?ssl-mode=REQUIRED", server.url);
            let encrypted = run(&["ping", &url]);
            assert!(encrypted.ok().contains("tls         TLSv1.3, TLS_"), "{}", server.name);
        }
    }
}

#[test]
fn record_writes_a_conversation_down() {
    let server = &servers::all()[0];
    let place = Place::new(server);
    let folder = place.folder.join("sessions");
    let target = format!("{}:{}", server.host, server.port);
    let mut child = mywire()
        .args(["record", "127.0.0.1:0", &target, "--out", folder.to_str().unwrap()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("mywire runs");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let first = lines.next().expect("a line").expect("text");
    let port = first.rsplit(':').next().expect("a port").to_owned();
    // An account whose login needs neither TLS nor a key.
    query_admin(&place, "CREATE USER IF NOT EXISTS cli_record@'%' IDENTIFIED BY ''");
    let url = format!("mysql://cli_record@127.0.0.1:{port}");
    let ran = run(&["query", &url, "SELECT 'recorded' AS a"]);
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    let seen: Vec<String> = lines.map_while(Result::ok).collect();
    query_admin(&place, "DROP USER cli_record@'%'");
    assert_eq!(ran.ok(), "a\nrecorded\n");
    assert!(seen.iter().any(|line| line.contains("TextRow")), "{seen:?}");
    let file = folder.join("session-1.txt");
    assert!(is_file(&file) && fs::read_to_string(&file).unwrap().contains("message: LoginRequest"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |file| fs::metadata(file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&file), 0o600, "others may read it");
    }
    run(&["record", "127.0.0.1:0"]).fails(2, "TARGET");
    run(&["record", "nowhere", &target]).fails(1, "cannot listen on nowhere");
}

fn query_admin(place: &Place, sql: &str) {
    place.query(sql, &[]);
}

/// What a server says that refuses everybody: a packet of one byte.
const REFUSAL: [u8; 5] = [1, 0, 0, 0, 0xff];

/// A recorder between its port and a server of one packet.
struct Recorder {
    child: Child,
    lines: BufReader<ChildStdout>,
    port: u16,
}

impl Recorder {
    /// `ends` says whether the server closes behind its packet.
    fn start(further: &[&str], ends: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let target = listener.local_addr().expect("an address").to_string();
        std::thread::spawn(move || {
            let mut open = Vec::new();
            for client in listener.incoming() {
                let mut client = client.expect("a connection");
                client.write_all(&REFUSAL).expect("it reads");
                if !ends {
                    open.push(client);
                }
            }
        });
        let mut child = mywire()
            .args([&["record", "127.0.0.1:0", &target], further].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("mywire runs");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut first = String::new();
        lines.read_line(&mut first).expect("a line");
        let port = first.trim().rsplit(':').next().expect("a port").parse().expect("a port");
        Self { child, lines, port }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        // A recorder that hangs fails the test instead.
        stream.set_read_timeout(Some(Duration::from_secs(120))).expect("a timeout");
        stream
    }

    fn stop(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }
}

#[test]
fn record_keeps_what_was_recorded_before() {
    let place = Place::new(&servers::all()[0]);
    let folder = place.folder.to_str().unwrap();
    let first = place.write("session-1.txt", "kept");
    let mut recorder = Recorder::start(&["--out", folder], true);
    let mut said = Vec::new();
    recorder.connect().read_to_end(&mut said).expect("the end");
    let mut line = String::new();
    recorder.lines.read_line(&mut line).expect("a line");
    recorder.stop();
    assert_eq!(said, REFUSAL);
    assert!(line.starts_with("  2 Server"), "{line}");
    assert_eq!(fs::read_to_string(first).unwrap(), "kept");
    assert!(is_file(&place.folder.join("session-2.txt")));
}

#[test]
fn record_without_a_reader_writes_its_files_or_ends_the_connection() {
    let place = Place::new(&servers::all()[0]);
    for (further, expected) in
        [(&["--out", place.folder.to_str().unwrap()][..], &REFUSAL[..]), (&[], &[])]
    {
        let Recorder { child, lines, port } = Recorder::start(further, false);
        drop(lines);
        let recorder = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
        recorder.set_read_timeout(Some(Duration::from_secs(120))).expect("a timeout");
        let mut said = vec![0; expected.len()];
        (&recorder).read_exact(&mut said).expect("what the server said");
        assert_eq!(said, expected);
        if expected.is_empty() {
            assert_eq!((&recorder).read(&mut [0]).expect("the end"), 0);
        }
        let mut child = child;
        child.kill().expect("it runs");
        child.wait().expect("it ends");
    }
    let file = fs::read_to_string(place.folder.join("session-1.txt")).unwrap();
    assert!(file.contains("message: ErrPacket"), "{file}");
}
