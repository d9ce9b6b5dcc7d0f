//! Named values that go with statements.

use crate::error::{ParamError, Result};
use crate::value::ToValue;
use crate::wire::attributes::{Attribute, AttributedQuery};
use crate::wire::statement::ParameterType;
use crate::wire::{ColumnType, EncodeError};

/// Named values that go with statements, which the server's components, audit and plugins see (MySQL
/// from 8.0.26 on), see [`Session::set_query_attributes`](../struct.Session.html#method.set_query_attributes).
///
/// ```
/// use mywire::QueryAttributes;
///
/// let attributes = QueryAttributes::default()
///     .with("tenant", 7_u64)?
///     .traceparent(0x4bf92f3577b34da6a3ce929d0e0e4736, 0x00f067aa0ba902b7, true);
/// assert_eq!(attributes.len(), 2);
/// # Ok::<(), mywire::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct QueryAttributes {
    list: Vec<Named>,
}

#[derive(Clone)]
struct Named {
    name: Box<str>,
    /// `None` is NULL.
    parameter_type: Option<ParameterType>,
    /// As it is on the wire.
    value: Vec<u8>,
}

impl QueryAttributes {
    /// Adds an attribute, or replaces the one of this name.
    ///
    /// Fails if the value cannot be sent.
    pub fn with(mut self, name: impl Into<Box<str>>, value: impl ToValue) -> Result<Self> {
        let mut bytes = Vec::new();
        let parameter_type = value.parameter_type();
        if parameter_type.is_some() {
            let index = self.list.len();
            value.write(&mut bytes).map_err(|reason| ParamError { index, reason })?;
        }
        self.put(Named { name: name.into(), parameter_type, value: bytes });
        Ok(self)
    }

    /// Adds the attribute `traceparent`, by which OpenTelemetry's component of the server continues a
    /// trace: W3C's form, version 00.
    #[must_use]
    pub fn traceparent(mut self, trace_id: u128, parent_id: u64, sampled: bool) -> Self {
        let text = format!("00-{trace_id:032x}-{parent_id:016x}-{:02x}", u8::from(sampled));
        // 55 bytes, whose length takes one.
        let mut value = vec![55];
        value.extend_from_slice(text.as_bytes());
        let parameter_type = Some(ParameterType::signed(ColumnType::VAR_STRING));
        self.put(Named { name: "traceparent".into(), parameter_type, value });
        self
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    fn put(&mut self, named: Named) {
        self.list.retain(|known| known.name != named.name);
        self.list.push(named);
    }

    /// In their order, as they are on the wire.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Attribute<'_>> {
        self.list.iter().map(|named| Attribute {
            name: named.name.as_bytes(),
            parameter_type: named.parameter_type.unwrap_or(ParameterType::signed(ColumnType::NULL)),
            value: named.parameter_type.map(|_| &named.value[..]),
        })
    }

    /// Appends COM_QUERY with these attributes.
    pub(crate) fn encode_query(&self, sql: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
        AttributedQuery { attributes: self.iter().collect(), sql }.encode(out)
    }
}

impl std::fmt::Debug for QueryAttributes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Values are the caller's own.
        f.debug_set().entries(self.list.iter().map(|named| &named.name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e87_a_trace_is_continued() {
        let attributes = QueryAttributes::default()
            .with("traceparent", "old")
            .unwrap()
            .with("none", None::<u8>)
            .unwrap()
            .traceparent(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, 0x00f0_67aa_0ba9_02b7, true);
        let list: Vec<_> = attributes.iter().collect();
        assert_eq!((list.len(), list[0].value), (2, None));
        let text = b"\x3700-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(list[1].value, Some(&text[..]));
        assert_eq!(format!("{attributes:?}"), r#"{"none", "traceparent"}"#);
    }
}
