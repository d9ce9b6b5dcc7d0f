//! The parameters of a statement.

use crate::attributes::QueryAttributes;
use crate::error::{ParamError, Result};
use crate::value::ToValue;
use crate::wire::attributes::Attribute;
use crate::wire::statement::ParameterType;
use crate::wire::{ColumnType, Parameters};

/// A list of parameters, one for each `?` of a statement.
///
/// Tuples of up to 16 values of different types, slices, arrays and vectors of one type, and `()`
/// for none. `[Value]` serves lists whose types are known only at run time.
pub trait Params {
    /// How many parameters there are.
    fn count(&self) -> usize;

    /// Hands each parameter in its order to `visit`, until that fails.
    fn visit<'p>(&'p self, visit: &mut dyn FnMut(&'p dyn ToValue) -> Result<()>) -> Result<()>;
}

/// Appends the parameters as COM_STMT_EXECUTE has them. `types` are those that the server knows
/// from the statement's last execution, none if it knows none; they are sent again only when they
/// change (E-89), and are then those of this execution.
#[cfg_attr(
    not(any(feature = "tokio", feature = "blocking")),
    allow(dead_code, reason = "only sessions execute")
)]
pub(crate) fn encode(
    params: &(impl Params + ?Sized),
    types: &mut Vec<ParameterType>,
    out: &mut Vec<u8>,
) -> Result<()> {
    let count = params.count();
    if count == 0 {
        return Ok(());
    }
    let known = types.len() == count;
    types.resize(count, ParameterType::signed(ColumnType::NULL));
    let mut changed = !known;
    let nulls = Parameters::reserve_nulls(count, out)?;
    let mut index = 0;
    params.visit(&mut |value| {
        match (value.parameter_type(), types.get_mut(index)) {
            // The type of a NULL does not matter: the last one holds.
            (None, _) => nulls.set(index, out),
            (Some(new), Some(last)) if *last != new => {
                *last = new;
                changed = true;
            }
            _ => {}
        }
        index += 1;
        Ok(())
    })?;
    Parameters::encode_types(changed.then_some(&types[..]), out);
    let mut index = 0;
    params.visit(&mut |value| {
        if value.parameter_type().is_some() {
            value.write(out).map_err(|reason| ParamError { index, reason })?;
        }
        index += 1;
        Ok(())
    })
}

/// Appends the parameters as COM_STMT_EXECUTE has them between sides that both know query attributes,
/// and those behind them: always with their number and all types. Not called without any of both.
#[cfg_attr(not(feature = "tokio"), allow(dead_code, reason = "only sessions execute"))]
pub(crate) fn encode_with(
    params: &(impl Params + ?Sized),
    attributes: &QueryAttributes,
    out: &mut Vec<u8>,
) -> Result<()> {
    let own = params.count();
    let count = own.saturating_add(attributes.len());
    Attribute::encode_count(count, out)?;
    let nulls = Parameters::reserve_nulls(count, out)?;
    let mut types = Vec::new();
    params.visit(&mut |value| {
        let parameter_type = value.parameter_type();
        if parameter_type.is_none() {
            nulls.set(types.len(), out);
        }
        types.push(parameter_type.unwrap_or(ParameterType::signed(ColumnType::NULL)));
        Ok(())
    })?;
    for (index, attribute) in attributes.iter().enumerate() {
        if attribute.value.is_none() {
            nulls.set(own.saturating_add(index), out);
        }
    }
    out.push(1);
    for parameter_type in types {
        Attribute { name: b"", parameter_type, value: None }.encode_type(out);
    }
    attributes.iter().for_each(|attribute| attribute.encode_type(out));
    let mut index = 0;
    params.visit(&mut |value| {
        if value.parameter_type().is_some() {
            value.write(out).map_err(|reason| ParamError { index, reason })?;
        }
        index += 1;
        Ok(())
    })?;
    for value in attributes.iter().filter_map(|attribute| attribute.value) {
        out.extend_from_slice(value);
    }
    Ok(())
}

impl Params for () {
    fn count(&self) -> usize {
        0
    }

    fn visit<'p>(&'p self, _: &mut dyn FnMut(&'p dyn ToValue) -> Result<()>) -> Result<()> {
        Ok(())
    }
}

impl<T: ToValue> Params for [T] {
    fn count(&self) -> usize {
        self.len()
    }

    fn visit<'p>(&'p self, visit: &mut dyn FnMut(&'p dyn ToValue) -> Result<()>) -> Result<()> {
        self.iter().try_for_each(|value| visit(value))
    }
}

macro_rules! as_slice {
    ($([$($generics:tt)*] $type:ty;)+) => {
        $(impl<T: ToValue, $($generics)*> Params for $type {
            fn count(&self) -> usize {
                self.len()
            }

            fn visit<'p>(
                &'p self,
                visit: &mut dyn FnMut(&'p dyn ToValue) -> Result<()>,
            ) -> Result<()> {
                self[..].visit(visit)
            }
        })+
    };
}

as_slice! {
    [] Vec<T>;
    [const N: usize] [T; N];
}

impl<P: Params + ?Sized> Params for &P {
    fn count(&self) -> usize {
        (**self).count()
    }

    fn visit<'p>(&'p self, visit: &mut dyn FnMut(&'p dyn ToValue) -> Result<()>) -> Result<()> {
        (**self).visit(visit)
    }
}

macro_rules! tuples {
    ($($count:literal: $($name:ident $index:tt),+;)+) => {
        $(impl<$($name: ToValue),+> Params for ($($name,)+) {
            fn count(&self) -> usize {
                $count
            }

            fn visit<'p>(
                &'p self,
                visit: &mut dyn FnMut(&'p dyn ToValue) -> Result<()>,
            ) -> Result<()> {
                $(visit(&self.$index)?;)+
                Ok(())
            }
        })+
    };
}

tuples! {
    1: A 0;
    2: A 0, B 1;
    3: A 0, B 1, C 2;
    4: A 0, B 1, C 2, D 3;
    5: A 0, B 1, C 2, D 3, E 4;
    6: A 0, B 1, C 2, D 3, E 4, F 5;
    7: A 0, B 1, C 2, D 3, E 4, F 5, G 6;
    8: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7;
    9: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8;
    10: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9;
    11: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10;
    12: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11;
    13: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12;
    14: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12, N 13;
    15: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12, N 13, O 14;
    16: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12, N 13, O 14, P 15;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, ValueError};
    use crate::value::Value;

    fn encoded(params: impl Params, types: &mut Vec<ParameterType>) -> Vec<u8> {
        let mut out = Vec::new();
        encode(&params, types, &mut out).unwrap();
        out
    }

    /// Whether types were sent, and the values.
    fn decoded(
        params: impl Params,
        types: &mut Vec<ParameterType>,
    ) -> (bool, Vec<Option<Vec<u8>>>) {
        let count = params.count();
        let out = encoded(params, types);
        let parameters = Parameters::decode(&out, count).unwrap();
        let values = parameters.values(types).unwrap();
        let values = values.into_iter().map(|value| value.map(<[u8]>::to_vec)).collect();
        (parameters.types().next().is_some(), values)
    }

    #[test]
    fn e89_types_are_sent_again_when_they_change() {
        let mut types = Vec::new();
        let number = Some(7_i64.to_le_bytes().to_vec());
        assert_eq!(decoded((7_i64,), &mut types), (true, vec![number.clone()]));
        assert_eq!(decoded((7_i64,), &mut types), (false, vec![number.clone()]));
        assert_eq!(decoded((None::<i64>,), &mut types), (false, vec![None]));
        assert_eq!(decoded((7_i64,), &mut types), (false, vec![number]));
        assert_eq!(decoded(("x",), &mut types), (true, vec![Some(b"x".to_vec())]));
        assert!(decoded((7_u64,), &mut types).0);
        assert_eq!(decoded((Value::Null,), &mut types), (false, vec![None]));
    }

    #[test]
    fn no_parameters_take_no_bytes() {
        assert_eq!(encoded((), &mut Vec::new()), b"");
        assert_eq!(encoded([0_u8; 0].map(i16::from), &mut Vec::new()), b"");
    }

    #[test]
    fn t75_what_no_server_has_is_refused() {
        let mut out = Vec::new();
        let error = encode(&(1_u8, f64::NAN), &mut Vec::new(), &mut out).unwrap_err();
        let Error::Param(error) = error else { panic!("{error}") };
        assert_eq!((error.index(), error.reason()), (1, ValueError::Range));
    }

    #[test]
    fn lists_and_tuples_are_the_same() {
        let one = encoded((1_u16, 2_u16, 3_u16), &mut Vec::new());
        assert_eq!(encoded([1_u16, 2, 3], &mut Vec::new()), one);
        assert_eq!(encoded(vec![1_u16, 2, 3], &mut Vec::new()), one);
        assert_eq!(encoded(&[1_u16, 2, 3][..], &mut Vec::new()), one);
    }
}
