//! The two limits: reading the bytes and throwing them away, and decoding them by hand.

use std::io::Read;
use std::net::TcpStream;

use crate::{Account, Sum, Task};

/// Reads everything into one buffer of 64 KiB.
pub fn drain(account: &Account) -> Sum {
    let mut stream = TcpStream::connect(account.address).expect("the proxy");
    let mut buffer = vec![0; 64 << 10];
    while let Ok(1..) = stream.read(&mut buffer) {}
    Sum::default()
}

/// A loop written for one shape: rows are decoded in place in one buffer of 256 KiB.
pub fn floor(account: &Account, task: &Task) -> Sum {
    let Task::Rows { shape, binary, .. } = task else { panic!("rows only") };
    match (shape.name, binary) {
        ("ints8", false) => rows(account, |mut row, sum| {
            for _ in 0..8 {
                sum.int(digits(text(&mut row)));
            }
        }),
        ("ints8", true) => rows(account, |row, sum| {
            let mut row = &row[3..];
            for _ in 0..8 {
                let (cell, rest) = row.split_first_chunk::<8>().expect("eight bytes");
                sum.int(i64::from_le_bytes(*cell));
                row = rest;
            }
        }),
        ("strings4", binary) => {
            let skip = if *binary { 2 } else { 0 };
            rows(account, move |row, sum| {
                let mut row = &row[skip..];
                for _ in 0..4 {
                    sum.str(std::str::from_utf8(text(&mut row)).expect("UTF-8"));
                }
            })
        }
        (_, binary) => {
            let skip = if *binary { 2 } else { 0 };
            rows(account, move |row, sum| {
                let mut row = &row[skip..];
                for _ in 0..4 {
                    sum.bytes(text(&mut row));
                }
            })
        }
    }
}

fn rows(account: &Account, mut row: impl FnMut(&[u8], &mut Sum)) -> Sum {
    let mut stream = TcpStream::connect(account.address).expect("the proxy");
    let mut buffer = vec![0; 256 << 10];
    let (mut start, mut end) = (0, 0);
    let mut sum = Sum::default();
    loop {
        buffer.copy_within(start..end, 0);
        end -= start;
        start = 0;
        match stream.read(&mut buffer[end..]) {
            Ok(n @ 1..) => end += n,
            _ => return sum,
        }
        while let Some((&[a, b, c, _], rest)) = buffer[start..end].split_first_chunk::<4>() {
            let length = u32::from_le_bytes([a, b, c, 0]) as usize;
            let Some(payload) = rest.get(..length) else { break };
            row(payload, &mut sum);
            start += 4 + length;
        }
    }
}

fn text<'r>(row: &mut &'r [u8]) -> &'r [u8] {
    let (&length, rest) = row.split_first().expect("a length");
    let (cell, rest) = rest.split_at(usize::from(length));
    *row = rest;
    cell
}

fn digits(text: &[u8]) -> i64 {
    text.iter().fold(0, |number, byte| number * 10 + i64::from(byte - b'0'))
}
