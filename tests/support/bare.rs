//! A connection without a session and without a transport: bytes in, steps and bytes out.

use mywire::proto::{Connection, Login, Step};
use mywire::{Limits, Result};

/// A connection that is fed by hand.
#[derive(Debug)]
pub struct Bare {
    pub connection: Connection,
    /// Everything that it wanted to write.
    pub written: Vec<u8>,
}

impl Bare {
    pub fn new(login: Login) -> Self {
        Self::with_limits(login, Limits::default())
    }

    pub fn with_limits(login: Login, limits: Limits) -> Self {
        Self { connection: Connection::new(login, limits), written: Vec::new() }
    }

    /// Hands in bytes, as many at a time as there is space; gives every step until more are needed.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<Vec<Step>> {
        let mut steps = Vec::new();
        self.steps(&mut steps)?;
        while !bytes.is_empty() {
            let spare = self.connection.spare();
            let n = spare.len().min(bytes.len());
            assert!(n > 0, "no space to read into");
            spare[..n].copy_from_slice(&bytes[..n]);
            self.connection.received(n);
            bytes = &bytes[n..];
            self.steps(&mut steps)?;
        }
        Ok(steps)
    }

    /// Says that the input is over.
    pub fn end(&mut self) -> Result<Vec<Step>> {
        self.connection.received(0);
        let mut steps = Vec::new();
        self.steps(&mut steps)?;
        Ok(steps)
    }

    fn steps(&mut self, steps: &mut Vec<Step>) -> Result<()> {
        loop {
            let step = self.connection.step();
            let out = self.connection.send_buf();
            self.written.extend_from_slice(out);
            let sent = out.len();
            self.connection.sent(sent);
            match step? {
                Step::NeedInput | Step::Idle => return Ok(()),
                step => steps.push(step),
            }
        }
    }
}
