//! The servers themselves.

use std::io::Read;
use std::net::TcpStream;

use crate::{each_server, servers};

/// Each server greets: four bytes of packet header, protocol version 10, its version.
#[test]
fn each_server_greets() {
    assert!(!servers::all().is_empty());
    each_server(async |target| {
        let mut greeting = [0; 8];
        let address = (target.server.host.as_str(), target.server.port);
        let mut stream = TcpStream::connect(address).unwrap();
        stream.read_exact(&mut greeting).unwrap();
        assert_eq!(greeting[3..5], [0, 10]);
    });
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
