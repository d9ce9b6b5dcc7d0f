//! The compressed layer of a build without compression: there is none.

use super::connection::Connection;
use crate::config::CompressionOptions;

impl Connection {
    pub(super) fn begin_compression(&mut self, _: CompressionOptions) {}

    pub(super) fn frame(&mut self, _command: bool) {}

    pub(super) fn reply_sequence(&self, packet: u8) -> u8 {
        packet
    }

    pub(super) fn begin_reply(&mut self, sequence: u8) {
        self.recv.set_sequence(sequence);
    }

    /// Bytes inflated so far: none in a build without compression.
    #[must_use]
    pub fn inflated(&self) -> u64 {
        0
    }
}
