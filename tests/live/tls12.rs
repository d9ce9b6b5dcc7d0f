//! A front of thirty lines over [`mywire::proto::Connection`]: blocking, on any `Read + Write`.

use std::io::{Read, Write};

use mywire::proto::{Connection, Login, Step};
use mywire::{Limits, Result};

pub struct Front<S> {
    pub connection: Connection,
    stream: S,
}

impl<S: Read + Write> Front<S> {
    pub fn connect(stream: S, login: Login) -> Result<Self> {
        let mut front = Self { connection: Connection::new(login, Limits::default()), stream };
        while front.step()? != Step::Connected {}
        Ok(front)
    }

    /// The connection's next step that is not a wish for input.
    pub fn step(&mut self) -> Result<Step> {
        loop {
            match self.connection.step()? {
                Step::NeedInput => {}
                step => return Ok(step),
            }
            while !self.connection.send_buf().is_empty() {
                let n = self.stream.write(self.connection.send_buf()).expect("it can be written");
                self.connection.sent(n);
            }
            let n = self.stream.read(self.connection.spare()).expect("it can be read");
            self.connection.received(n);
        }
    }
}
