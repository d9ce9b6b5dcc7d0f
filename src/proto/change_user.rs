//! A new login on a connection that is there.

#[cfg(doc)]
use super::Step;
use super::connect::{Connecting, Login, MAX_LOGIN_PACKET};
use super::connection::{Connection, State, dead};
use crate::error::{Result, UsageError};
use crate::wire::Capabilities;

impl Connection {
    /// Logs in as somebody else (COM_CHANGE_USER); ends with [`Step::Connected`].
    ///
    /// The account, its passwords, the database, the attributes and the policy of `login` count; its
    /// options, its transport and its TLS stay what they are. The server does all that a reset does.
    /// Takes several round trips, so no command may be unanswered and none can be given until it is
    /// over. Any error is fatal, the server's too: MySQL closes the connection, and MariaDB keeps
    /// one whose session nobody has (K-41).
    pub fn change_user(&mut self, login: Login) -> Result<()> {
        if self.is_dead() {
            return Err(dead());
        }
        let Some(channel) = self.channel.filter(|_| self.is_idle()) else {
            return Err(UsageError::NotReady.into());
        };
        if !self.capabilities.contains(Capabilities::PLUGIN_AUTH) {
            return Err(UsageError::NotSupported { what: "changing the user" }.into());
        }
        let mut connecting = Box::new(Connecting::change_user(login, channel));
        connecting.send_change_user(self).map_err(|fault| self.die(fault))?;
        // The server forgets all statements.
        self.known.forget_all();
        self.info.tracked.begin_anew();
        self.recv.set_max_packet(MAX_LOGIN_PACKET.min(self.limits.max_packet));
        self.state = State::Connecting(connecting);
        Ok(())
    }
}
