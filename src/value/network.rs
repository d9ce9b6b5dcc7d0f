//! Addresses of the internet: MariaDB's INET4 and INET6, text, and bytes.
//!
//! Both types of MariaDB are text in both protocols, with their names in the extended metadata.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{FromValue, Kind, RawValue, ToValue};
use crate::error::ValueError;
use crate::wire::ColumnType;
use crate::wire::statement::ParameterType;

/// The longest text of an address.
const MAX_ADDRESS: usize = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255".len();

macro_rules! addresses {
    ($($type:ty: $($octets:literal)|+;)+) => {
        $(impl<'r> FromValue<'r> for $type {
            fn from_value(value: RawValue<'r>) -> Result<Self, ValueError> {
                let bytes = value.bytes();
                match value.kind() {
                    Kind::Bytes if matches!(bytes.len(), $($octets)|+) => octets(bytes)?
                        .try_into()
                        .map_err(|_| ValueError::Malformed),
                    Kind::Text if bytes.len() <= MAX_ADDRESS => std::str::from_utf8(bytes)
                        .ok()
                        .and_then(|text| text.parse().ok())
                        .ok_or(ValueError::Malformed),
                    Kind::Text | Kind::Bytes => Err(ValueError::Malformed),
                    _ => Err(ValueError::Type),
                }
            }
        }

        impl ToValue for $type {
            fn parameter_type(&self) -> Option<ParameterType> {
                Some(ParameterType::signed(ColumnType::VAR_STRING))
            }

            fn write(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
                self.to_string().write(out)
            }
        })+
    };
}
addresses! {
    Ipv4Addr: 4;
    Ipv6Addr: 16;
    IpAddr: 4 | 16;
}

/// The address that `INET6_ATON` made bytes of.
fn octets(bytes: &[u8]) -> Result<Octets, ValueError> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Ok(Octets(four.into()));
    }
    <[u8; 16]>::try_from(bytes).map(|all| Octets(all.into())).map_err(|_| ValueError::Malformed)
}

struct Octets(IpAddr);

impl From<Octets> for IpAddr {
    fn from(octets: Octets) -> Self {
        octets.0
    }
}

impl TryFrom<Octets> for Ipv4Addr {
    type Error = ();

    fn try_from(octets: Octets) -> Result<Self, ()> {
        if let IpAddr::V4(address) = octets.0 { Ok(address) } else { Err(()) }
    }
}

impl TryFrom<Octets> for Ipv6Addr {
    type Error = ();

    fn try_from(octets: Octets) -> Result<Self, ()> {
        if let IpAddr::V6(address) = octets.0 { Ok(address) } else { Err(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::text::tests::{read, read_binary, read_flagged, written};
    use crate::wire::ColumnFlags;

    #[test]
    fn addresses_are_text_in_both_protocols() {
        let text = b"2001:db8::1";
        let address = Ipv6Addr::new(0x2001, 0xDB8, 0, 0, 0, 0, 0, 1);
        assert_eq!(read(text, ColumnType::STRING), Ok(address));
        assert_eq!(read_binary(text, ColumnType::STRING), Ok(address));
        assert_eq!(read_binary(text, ColumnType::STRING), Ok(IpAddr::from(address)));
        let four = Ipv4Addr::new(192, 0, 2, 1);
        assert_eq!(read(b"192.0.2.1", ColumnType::STRING), Ok(four));
        assert_eq!(read(b"192.0.2.1", ColumnType::STRING), Ok(IpAddr::from(four)));
        assert_eq!(read::<Ipv4Addr>(text, ColumnType::STRING), Err(ValueError::Malformed));
        assert_eq!(written(&address), b"\x0B2001:db8::1");
        assert_eq!(written(&IpAddr::from(four)), b"\x09192.0.2.1");
    }

    #[test]
    fn addresses_are_4_or_16_bytes_in_binary_columns() {
        fn bytes<T: for<'r> FromValue<'r>>(bytes: &[u8]) -> Result<T, ValueError> {
            read_flagged(bytes, ColumnType::VAR_STRING, 63, ColumnFlags::BINARY)
        }
        assert_eq!(bytes(&[192, 0, 2, 1]), Ok(Ipv4Addr::new(192, 0, 2, 1)));
        assert_eq!(bytes(&[192, 0, 2, 1]), Ok(IpAddr::from([192, 0, 2, 1])));
        assert_eq!(bytes(&[0; 16]), Ok(IpAddr::from([0; 16])));
        assert_eq!(bytes(&[0; 16]), Ok(Ipv6Addr::UNSPECIFIED));
        assert_eq!(bytes::<Ipv6Addr>(&[0; 4]), Err(ValueError::Malformed));
        assert_eq!(bytes::<Ipv4Addr>(b"192.0.2.1"), Err(ValueError::Malformed));
        assert_eq!(read::<IpAddr>(b"1", ColumnType::LONG), Err(ValueError::Type));
    }
}
