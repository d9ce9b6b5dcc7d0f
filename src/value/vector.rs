//! VECTOR: little-endian `f32`, one after the other, in both protocols.
//!
//! MySQL has a wire type for it. MariaDB's looks like a VARBINARY, with nothing that tells.

use super::{FromValue, Kind, RawValue, ToValue};
use crate::error::ValueError;
use crate::wire::ColumnType;
use crate::wire::statement::ParameterType;
use crate::wire::writer::Put;

impl<'r> FromValue<'r> for Vec<f32> {
    fn from_value(value: RawValue<'r>) -> Result<Self, ValueError> {
        if value.column_type() != ColumnType::VECTOR && value.kind() != Kind::Bytes {
            return Err(ValueError::Type);
        }
        let (numbers, []) = value.bytes().as_chunks() else {
            return Err(ValueError::VectorLength);
        };
        Ok(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }
}

impl ToValue for [f32] {
    /// A BLOB: MariaDB refuses parameters of the type VECTOR, and MySQL takes both.
    fn parameter_type(&self) -> Option<ParameterType> {
        Some(ParameterType::signed(ColumnType::BLOB))
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        if !self.iter().all(|number| number.is_finite()) {
            return Err(ValueError::Range);
        }
        let length = u64::try_from(size_of_val(self)).map_err(|_| ValueError::Range)?;
        out.put_lenenc(length);
        for number in self {
            out.extend_from_slice(&number.to_le_bytes());
        }
        Ok(())
    }
}

macro_rules! as_slice {
    ($([$($generics:tt)*] $type:ty;)+) => {
        $(impl<$($generics)*> ToValue for $type {
            fn parameter_type(&self) -> Option<ParameterType> {
                self.as_slice().parameter_type()
            }

            fn write(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
                self.as_slice().write(out)
            }
        })+
    };
}

as_slice! {
    [] Vec<f32>;
    [const N: usize] [f32; N];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::text::tests::{read, read_binary, read_flagged, written};
    use crate::wire::ColumnFlags;

    #[test]
    fn e74_vectors_are_whole_numbers_of_floats() {
        let bytes = [0, 0, 0x80, 0x3F, 0, 0, 0x60, 0x40];
        let vector = vec![1.0_f32, 3.5];
        assert_eq!(read(&bytes, ColumnType::VECTOR), Ok(vector.clone()));
        assert_eq!(read_binary(&bytes, ColumnType::VECTOR), Ok(vector.clone()));
        let none = ColumnFlags::default();
        assert_eq!(read_flagged(&bytes, ColumnType::VAR_STRING, 63, none), Ok(vector.clone()));
        assert_eq!(read(&[], ColumnType::VECTOR), Ok(Vec::<f32>::new()));
        let vectors = |bytes: &[u8], column_type| read::<Vec<f32>>(bytes, column_type);
        for length in [1, 2, 3, 5, 7] {
            let cut = vectors(&bytes[..length], ColumnType::VECTOR);
            assert_eq!(cut, Err(ValueError::VectorLength), "length {length}");
        }
        assert_eq!(read(&bytes[..3], ColumnType::VECTOR), Ok(bytes[..3].to_vec()));
        assert_eq!(vectors(&bytes, ColumnType::GEOMETRY), Err(ValueError::Type));
        // A geometry is its bytes, however few.
        for length in 0..=5 {
            let geometry = read(&bytes[..length], ColumnType::GEOMETRY);
            assert_eq!(geometry, Ok(bytes[..length].to_vec()));
            assert_eq!(read_binary(&bytes[..length], ColumnType::GEOMETRY), geometry);
            let text = read::<String>(&bytes[..length], ColumnType::GEOMETRY);
            assert_eq!(text, Err(ValueError::Type));
        }
        assert_eq!(vectors(&bytes, ColumnType::VAR_STRING), Err(ValueError::Type));
        let sent = [&[8][..], &bytes].concat();
        assert_eq!(written(&vector), sent);
        assert_eq!(written(&[1.0_f32, 3.5]), sent);
        assert_eq!([1.0, f32::NAN].write(&mut Vec::new()), Err(ValueError::Range));
    }
}
