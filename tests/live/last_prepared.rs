//! A statement prepared and executed in one flight: MariaDB's id of the statement prepared last.

use std::net::TcpStream;

use mywire::proto::{Login, Step};
use mywire::wire::{Capabilities, Execute};

use crate::each_server;
use crate::servers::Flavor;
use crate::tls12::Front;

/// E-86, K-23: the execution's reply is the new statement's, whatever was prepared before; of a
/// preparation that fails both errors are read, and what follows is answered.
#[test]
fn e86_both_errors_of_a_failed_preparation_are_read() {
    each_server(async |target| {
        if target.server.flavor != Flavor::MariaDb {
            return;
        }
        let stream = TcpStream::connect(("127.0.0.1", target.server.port)).unwrap();
        let mut login = Login::new("root", "secret");
        login.options = Capabilities::MARIADB_STMT_BULK_OPERATIONS;
        let mut front = Front::connect(stream, login).unwrap();
        let capabilities = front.connection.capabilities();
        assert!(capabilities.contains(Capabilities::MARIADB_STMT_BULK_OPERATIONS));
        assert!(capabilities.contains(Capabilities::MARIADB_CACHE_METADATA));
        let mut old = 0;
        for round in 0..3 {
            for (sql, columns) in [("SELECT 7, 'seven'", 2), ("SELECT 7", 1)] {
                front.connection.prepare(sql.as_bytes()).unwrap();
                front.connection.execute(Execute::LAST_PREPARED, 0, |_| Ok(())).unwrap();
                assert_eq!(front.step().unwrap(), Step::Prepared);
                old = front.connection.prepared().unwrap().statement;
                assert_eq!(front.step().unwrap(), Step::Columns, "{sql}");
                assert_eq!(front.step().unwrap(), Step::Row);
                assert_eq!(front.connection.columns().len(), columns);
                assert_eq!(front.connection.row().get::<i64>(0).unwrap(), 7);
                assert_eq!(front.step().unwrap(), Step::Done);
                assert_eq!(front.step().unwrap(), Step::Idle);
            }
            front.connection.prepare(b"SELEC 7").unwrap();
            front.connection.execute(Execute::LAST_PREPARED, 0, |_| Ok(())).unwrap();
            front.connection.query(b"SELECT 8").unwrap();
            let errors = [front.step().unwrap_err(), front.step().unwrap_err()];
            let codes = errors.each_ref().map(|error| error.as_server().unwrap().code());
            assert_eq!(codes[0], 1064, "round {round}");
            assert_eq!(codes[1], 1243, "round {round}: {}", errors[1]);
            assert_eq!(front.step().unwrap(), Step::Columns);
            assert_eq!(front.step().unwrap(), Step::Row);
            assert_eq!(front.connection.row().decode::<i64>().unwrap(), 8);
            assert_eq!(front.step().unwrap(), Step::Done);
            // The statement before is as good as before.
            front.connection.execute(old, 0, |_| Ok(())).unwrap();
            assert_eq!(front.step().unwrap(), Step::Columns);
            assert_eq!(front.step().unwrap(), Step::Row);
            assert_eq!(front.connection.row().decode::<i64>().unwrap(), 7);
            assert_eq!(front.step().unwrap(), Step::Done);
            assert_eq!(front.step().unwrap(), Step::Idle);
        }
    });
}

/// K-24: what a server says of a statement that it does not know names its id, and no SQL.
#[test]
fn k24_an_unknown_statement_is_named_by_its_id() {
    each_server(async |target| {
        let stream = TcpStream::connect(("127.0.0.1", target.server.port)).unwrap();
        let mut front = Front::connect(stream, Login::new("root", "secret")).unwrap();
        front.connection.execute(7731, 0, |_| Ok(())).unwrap();
        let error = front.step().unwrap_err();
        let error = error.as_server().unwrap();
        assert_eq!(error.code(), 1243);
        assert!(error.message().contains("(7731)"), "{}", error.message());
        assert!(!error.message().contains("EXECUTE"), "{}", error.message());
    });
}
