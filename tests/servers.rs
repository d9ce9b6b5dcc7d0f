//! The servers that the tests run on.

#[path = "support/servers.rs"]
mod servers;

use std::io::Read;
use std::net::TcpStream;

/// Each server greets: four bytes of packet header, protocol version 10, its version.
#[test]
fn each_server_greets() {
    let servers = servers::all();
    assert!(!servers.is_empty());
    for server in servers {
        let mut greeting = [0; 8];
        let mut stream =
            TcpStream::connect((server.host.as_str(), server.port)).expect(&server.name);
        stream.read_exact(&mut greeting).expect(&server.name);
        assert_eq!(greeting[3..5], [0, 10], "{}", server.name);
    }
}

/// A server asked for by its name is the one that is already up.
#[test]
fn one_is_one_of_all() {
    let all = servers::all();
    let one = servers::one(&all[0].name).expect("it is up");
    if std::env::var_os("MYWIRE_SERVERS_TESTSUITE").is_none() {
        assert_eq!(one.port, all[0].port);
    }
    if one.flavor != servers::Flavor::Unknown {
        assert!(one.socket.is_some_and(|socket| socket.exists()));
        assert!(one.certs.is_some_and(|certs| certs.join("ca.pem").exists()));
    }
}
