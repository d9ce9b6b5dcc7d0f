//! Bytes in and out: what is between the connection and its transport.

use super::Fault;
use super::connection::Connection;

impl Connection {
    /// Space to read into, initialised; never empty after
    /// [`Step::NeedInput`](super::Step::NeedInput). After anything else the views can be void
    /// afterwards, and with TLS or compression there can be no space before the next step: a read
    /// of nothing is then no end of input.
    pub fn spare(&mut self) -> &mut [u8] {
        if self.recv.is_full() {
            self.make_room();
        }
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            return tls.spare();
        }
        #[cfg(feature = "compress")]
        if let Some(compress) = &mut self.compress {
            return compress.spare();
        }
        self.recv.spare_for_read()
    }

    /// Whether input that nobody asked for can be taken: it has not ended, and there is space
    /// for it without growing.
    #[must_use]
    pub fn can_read_ahead(&self) -> bool {
        #[cfg(feature = "tls")]
        if self.tls.as_ref().is_some_and(|tls| tls.is_full()) {
            return false;
        }
        #[cfg(feature = "compress")]
        if self.compress.as_ref().is_some_and(|compress| compress.is_full()) {
            return false;
        }
        !self.ended && !self.recv.is_full()
    }

    /// Says that `n` bytes were read into [`spare`](Self::spare); 0 is the end of input.
    pub fn received(&mut self, n: usize) {
        if n == 0 {
            self.ended = true;
            return;
        }
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            return tls.received(n);
        }
        #[cfg(feature = "compress")]
        if let Some(compress) = &mut self.compress {
            return compress.received(n);
        }
        self.recv.received(n);
    }

    /// The bytes to write. Empty once the connection is dead.
    #[must_use]
    pub fn send_buf(&self) -> &[u8] {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls
            && self.send.is_empty()
        {
            return tls.outgoing.pending();
        }
        #[cfg(feature = "compress")]
        if let Some(compress) = &self.compress {
            return compress.outgoing.pending();
        }
        self.send.pending()
    }

    /// Says that the first `n` bytes of [`send_buf`](Self::send_buf) were written.
    pub fn sent(&mut self, n: usize) {
        if n > 0 && !self.unanswered.is_empty() {
            self.exposed = true;
        }
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls
            && self.send.is_empty()
        {
            return tls.outgoing.sent(n);
        }
        #[cfg(feature = "compress")]
        if let Some(compress) = &mut self.compress {
            return compress.outgoing.sent(n);
        }
        self.send.sent(n);
    }

    /// Hands what was written within an exchange to what is between here and the transport.
    pub(super) fn seal(&mut self) -> Result<(), Fault> {
        self.frame(false);
        self.encrypt()
    }

    /// [`seal`](Self::seal) for a command, whose last packet's id is before `sequence`; gives the id
    /// that its reply begins with.
    pub(super) fn seal_command(&mut self, sequence: u8) -> Result<u8, Fault> {
        self.frame(true);
        self.encrypt()?;
        Ok(self.reply_sequence(sequence))
    }

    fn encrypt(&mut self) -> Result<(), Fault> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            #[cfg(feature = "compress")]
            if let Some(compress) = &mut self.compress {
                return Ok(tls.encrypt(&mut compress.outgoing)?);
            }
            tls.encrypt(&mut self.send)?;
        }
        Ok(())
    }

    /// Takes bytes out of what is between here and the transport; `false` if there are none.
    pub(super) fn pull(&mut self) -> Result<bool, Fault> {
        #[cfg(feature = "compress")]
        if self.compress.is_some() {
            return self.pull_frames();
        }
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            let progress = tls.decrypt(&mut self.recv)?;
            if tls.is_closed() {
                self.ended = true;
            }
            return Ok(progress);
        }
        Ok(false)
    }
}
