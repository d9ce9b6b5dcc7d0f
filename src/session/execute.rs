//! What an execution sends: parameters, and the attributes that go with them.

use super::Session;
use crate::attributes::QueryAttributes;
use crate::error::Result;
use crate::params::{Params, encode, encode_with};
use crate::wire::Execute;
use crate::wire::statement::ParameterType;

impl Session {
    /// Executes a statement, with the attributes if the server takes such. See [`encode`] for the
    /// types.
    pub(super) fn send_execute(
        &mut self,
        statement: u32,
        flags: u8,
        params: &impl Params,
        types: &mut Vec<ParameterType>,
        taken: bool,
    ) -> Result<()> {
        let attributes = self.connection.attributes().cloned();
        let attributes = attributes.as_deref();
        let flags = flags | flag(attributes, params);
        self.connection.execute(statement, flags, |out| {
            encode_parameters(attributes, params, types, taken, out)
        })
    }

    /// Appends what [`send_execute`](Self::send_execute) sends behind the flags, and gives those.
    pub(super) fn encode_execute(
        &self,
        params: &impl Params,
        types: &mut Vec<ParameterType>,
        taken: bool,
        out: &mut Vec<u8>,
    ) -> Result<u8> {
        let attributes = self.connection.attributes().map(AsRef::as_ref);
        encode_parameters(attributes, params, types, taken, out)?;
        Ok(flag(attributes, params))
    }
}

/// Says that the parameters' number is there, where there are any or attributes.
fn flag(attributes: Option<&QueryAttributes>, params: &impl Params) -> u8 {
    match attributes {
        Some(attributes) if params.count() > 0 || !attributes.is_empty() => {
            Execute::PARAMETER_COUNT_AVAILABLE
        }
        _ => 0,
    }
}

fn encode_parameters(
    attributes: Option<&QueryAttributes>,
    params: &impl Params,
    types: &mut Vec<ParameterType>,
    taken: bool,
    out: &mut Vec<u8>,
) -> Result<()> {
    let Some(attributes) = attributes else { return encode(params, types, taken, out) };
    types.clear();
    if params.count() == 0 && attributes.is_empty() {
        return Ok(());
    }
    let encoded = encode_with(params, attributes, types, out);
    // They are sent every time: only their memory is used again.
    types.clear();
    encoded
}
