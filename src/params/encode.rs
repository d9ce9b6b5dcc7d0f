//! Parameters as commands have them.

use super::Params;
use crate::attributes::QueryAttributes;
use crate::error::{ParamError, Result, UsageError, ValueError};
use crate::value::{Presence, ToValue};
use crate::wire::attributes::Attribute;
use crate::wire::statement::ParameterType;
use crate::wire::{ColumnType, Indicator, Parameters};

/// Appends the parameters as COM_STMT_EXECUTE has them. `types` are those of the statement's last
/// execution, or none; they are sent again only when they change, or if the server may not have
/// taken them (E-89), and are those of this execution afterwards.
pub(crate) fn encode(
    params: &(impl Params + ?Sized),
    types: &mut Vec<ParameterType>,
    taken: bool,
    out: &mut Vec<u8>,
) -> Result<()> {
    let count = params.count();
    if count == 0 {
        return Ok(());
    }
    let mut changed = !taken || types.len() != count;
    types.resize(count, ParameterType::signed(ColumnType::NULL));
    let nulls = Parameters::reserve_nulls(count, out)?;
    let mut index = 0;
    params.visit(&mut |value| {
        match (value.parameter_type(), types.get_mut(index)) {
            // The type of a NULL does not matter: the last one holds.
            (None, _) => {
                check_null(index, value)?;
                nulls.set(index, out);
            }
            (Some(new), Some(last)) if *last != new => {
                *last = new;
                changed = true;
            }
            _ => {}
        }
        index += 1;
        Ok(())
    })?;
    check_count(count, index)?;
    Parameters::encode_types(changed.then_some(&types[..]), out);
    let mut index = 0;
    params.visit(&mut |value| {
        let now = value.parameter_type();
        let known = types.get(index).copied().filter(|_| !nulls.is_set(index, out));
        // What was said of the values holds only for the same values.
        if now != known {
            return Err(ParamError { index, reason: ValueError::Type }.into());
        }
        if now.is_some() {
            value.write(out).map_err(|reason| ParamError { index, reason })?;
        }
        index += 1;
        Ok(())
    })?;
    check_count(count, index)
}

fn check_count(statement: usize, given: usize) -> Result<()> {
    if statement == given {
        return Ok(());
    }
    Err(UsageError::ParameterCount { statement, given }.into())
}

/// Appends the parameters as COM_STMT_EXECUTE has them between sides that both know query attributes,
/// and those behind them: always with their number and all types, which `types` holds meanwhile, empty at
/// first. Not called without any of both.
pub(crate) fn encode_with(
    params: &(impl Params + ?Sized),
    attributes: &QueryAttributes,
    types: &mut Vec<ParameterType>,
    out: &mut Vec<u8>,
) -> Result<()> {
    let own = params.count();
    let count = own.saturating_add(attributes.len());
    Attribute::encode_count(count, out)?;
    let nulls = Parameters::reserve_nulls(count, out)?;
    params.visit(&mut |value| {
        let parameter_type = value.parameter_type();
        if parameter_type.is_none() {
            check_null(types.len(), value)?;
            nulls.set(types.len(), out);
        }
        types.push(parameter_type.unwrap_or(ParameterType::signed(ColumnType::NULL)));
        Ok(())
    })?;
    check_count(own, types.len())?;
    for (index, attribute) in attributes.iter().enumerate() {
        if attribute.value.is_none() {
            nulls.set(own.saturating_add(index), out);
        }
    }
    out.push(1);
    for &parameter_type in &*types {
        Attribute { name: b"", parameter_type, value: None }.encode_type(out);
    }
    attributes.iter().for_each(|attribute| attribute.encode_type(out));
    let mut index = 0;
    params.visit(&mut |value| {
        let now = value.parameter_type();
        // What was said of the values holds only for the same values.
        if now != types.get(index).copied().filter(|_| !nulls.is_set(index, out)) {
            return Err(ParamError { index, reason: ValueError::Type }.into());
        }
        if now.is_some() {
            value.write(out).map_err(|reason| ParamError { index, reason })?;
        }
        index += 1;
        Ok(())
    })?;
    check_count(own, index)?;
    for value in attributes.iter().filter_map(|attribute| attribute.value) {
        out.extend_from_slice(value);
    }
    Ok(())
}

/// Fails if what has no type is no NULL either.
fn check_null(index: usize, value: &dyn ToValue) -> Result<()> {
    if value.presence() == Presence::Null {
        return Ok(());
    }
    Err(ParamError { index, reason: ValueError::Indicator }.into())
}

/// Appends the parameters as a row of COM_STMT_BULK_EXECUTE. `types` are those of the rows before
/// it, as far as they had any; `false`, with nothing appended, if this row has others.
pub(crate) fn encode_bulk(
    params: &(impl Params + ?Sized),
    types: &mut Vec<Option<ParameterType>>,
    out: &mut Vec<u8>,
) -> Result<bool> {
    let count = params.count();
    types.resize(count, None);
    let (mut index, mut same) = (0, true);
    params.visit(&mut |value| {
        if let (Some(new), Some(known)) = (value.parameter_type(), types.get_mut(index)) {
            same &= *known.get_or_insert(new) == new;
        }
        index += 1;
        Ok(())
    })?;
    check_count(count, index)?;
    if !same {
        return Ok(false);
    }
    let mut index = 0;
    params.visit(&mut |value| {
        let refused = |reason| ParamError { index, reason };
        let indicator = match value.presence() {
            Presence::Value => Indicator::VALUE,
            Presence::Null => Indicator::NULL,
            Presence::Default => Indicator::DEFAULT,
            Presence::Ignore => Indicator::IGNORE,
            Presence::Sent => return Err(refused(ValueError::Indicator).into()),
        };
        out.push(indicator.0);
        if indicator == Indicator::VALUE {
            // What was said of the values holds only for the same values.
            if value.parameter_type() != types.get(index).copied().flatten() {
                return Err(refused(ValueError::Type).into());
            }
            value.write(out).map_err(refused)?;
        }
        index += 1;
        Ok(())
    })?;
    check_count(count, index)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::params::params_from_iter;
    use crate::value::Value;

    fn encoded(params: impl Params, types: &mut Vec<ParameterType>) -> Vec<u8> {
        let mut out = Vec::new();
        encode(&params, types, true, &mut out).unwrap();
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
        let error = encode(&(1_u8, f64::NAN), &mut Vec::new(), true, &mut out).unwrap_err();
        let Error::Param(error) = error else { panic!("{error}") };
        assert_eq!((error.index(), error.reason()), (1, ValueError::Range));
    }

    #[test]
    fn iterators_are_lists() {
        let list = [Value::from(1_u64), Value::Null, Value::from("x")];
        let one = encoded(&list[..], &mut Vec::new());
        assert_eq!(encoded(params_from_iter(&list), &mut Vec::new()), one);
        assert_eq!(encoded(params_from_iter(list), &mut Vec::new()), one);
        let made = (1..=3_u16).map(|n| n * 2);
        assert_eq!(
            encoded(params_from_iter(made), &mut Vec::new()),
            encoded([2_u16, 4, 6], &mut Vec::new())
        );
        let none: [u8; 0] = [];
        assert_eq!(encoded(params_from_iter(none.map(i16::from)), &mut Vec::new()), b"");
    }

    /// T-20: what is sent is one packet that means something, whatever a caller's code does.
    #[test]
    fn t20_values_that_change_between_two_looks_are_refused() {
        struct Changing(std::cell::Cell<u8>, [Option<i64>; 2], [Option<u16>; 2]);

        impl Params for Changing {
            fn count(&self) -> usize {
                2
            }

            fn visit(&self, visit: &mut dyn FnMut(&dyn ToValue) -> Result<()>) -> Result<()> {
                let look = self.0.replace(self.0.get() + 1);
                match look {
                    0 => self.1.iter().try_for_each(|value| visit(value)),
                    1 => self.2.iter().try_for_each(|value| visit(value)),
                    _ => unreachable!(),
                }
            }
        }

        for (first, second, bad) in [
            ([Some(1), Some(2)], [Some(1), Some(2)], 0),
            ([None, Some(2)], [None, Some(2)], 1),
            ([None, None], [None, Some(2)], 1),
            ([Some(1), None], [None, None], 0),
        ] {
            let params = Changing(std::cell::Cell::new(0), first, second);
            let error = encode(&params, &mut Vec::new(), true, &mut Vec::new()).unwrap_err();
            let Error::Param(error) = error else { panic!("{error}") };
            assert_eq!((error.index(), error.reason()), (bad, ValueError::Type));
        }
        for (first, second) in [(1, 2), (3, 2), (2, 1), (2, 3)] {
            let look = std::cell::Cell::new(0);
            let params =
                params_from_iter(Growing { look: &look, counts: [2, first, second], at: 0 });
            let error = encode(&params, &mut Vec::new(), true, &mut Vec::new()).unwrap_err();
            assert!(matches!(
                error,
                Error::Usage(UsageError::ParameterCount { .. }) | Error::Param(_)
            ));
        }
    }

    /// Another number of items at each walk.
    struct Growing<'l> {
        look: &'l std::cell::Cell<usize>,
        counts: [u8; 3],
        at: u8,
    }

    impl Clone for Growing<'_> {
        fn clone(&self) -> Self {
            let look = self.look.replace(self.look.get() + 1);
            Self { look: self.look, counts: self.counts, at: self.counts[look] }
        }
    }

    impl Iterator for Growing<'_> {
        type Item = u8;

        fn next(&mut self) -> Option<u8> {
            self.at = self.at.checked_sub(1)?;
            Some(self.at)
        }
    }

    #[test]
    fn lists_and_tuples_are_the_same() {
        let one = encoded((1_u16, 2_u16, 3_u16), &mut Vec::new());
        assert_eq!(encoded([1_u16, 2, 3], &mut Vec::new()), one);
        assert_eq!(encoded(vec![1_u16, 2, 3], &mut Vec::new()), one);
        assert_eq!(encoded(&[1_u16, 2, 3][..], &mut Vec::new()), one);
    }
}
