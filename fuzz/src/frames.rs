//! The compressed protocol around a conversation.

use mywire::Compression;
use mywire::wire::compressed::HEADER_SIZE;
use mywire::wire::{CompressedHeader, PacketHeader};

use super::server::Conversation;

/// The conversation with what follows its login in frames of these sizes, before compression, in
/// turn. Every third frame is stored.
pub fn framed(
    mut conversation: Conversation,
    algorithm: Compression,
    sizes: &[usize],
) -> Conversation {
    conversation.login.compression.algorithms = vec![algorithm];
    let mut number = 0;
    for turn in &mut conversation.turns {
        let mut framed = Vec::new();
        for reply in replies(&turn.reply) {
            let mut sequence = 1;
            let mut rest = reply;
            while !rest.is_empty() {
                let size = sizes[number % sizes.len()].min(rest.len());
                let (plain, left) = rest.split_at(size);
                match number % 3 {
                    2 => stored(&mut framed, sequence, plain),
                    _ => compressed(&mut framed, algorithm, sequence, plain),
                }
                rest = left;
                number += 1;
                sequence = sequence.wrapping_add(1);
            }
        }
        turn.reply = framed;
    }
    conversation
}

/// The replies in a healthy turn: each begins with id 1, which behind id 0 is no beginning.
fn replies(turn: &[u8]) -> Vec<&[u8]> {
    let mut places = Vec::new();
    let (mut at, mut before) = (0, None);
    while let Some((header, _)) = turn.get(at..).and_then(|rest| rest.split_first_chunk::<4>()) {
        let header = PacketHeader::decode(*header);
        if header.sequence == 1 && before != Some(0) {
            places.push(at);
        }
        before = Some(header.sequence);
        at += 4 + usize::try_from(header.length).expect("24 bits");
    }
    let ends = places.iter().skip(1).copied().chain([turn.len()]);
    places.iter().zip(ends).map(|(&start, end)| &turn[start..end]).collect()
}

pub fn stored(out: &mut Vec<u8>, sequence: u8, plain: &[u8]) {
    frame(out, sequence, 0, plain);
}

pub fn compressed(out: &mut Vec<u8>, algorithm: Compression, sequence: u8, plain: &[u8]) {
    frame(out, sequence, plain.len(), &deflated(algorithm, plain));
}

/// A frame that announces whatever it is told to.
pub fn frame(out: &mut Vec<u8>, sequence: u8, plain_length: usize, body: &[u8]) {
    let length = |length| u32::try_from(length).expect("24 bits");
    let header = CompressedHeader {
        length: length(body.len()),
        sequence,
        plain_length: length(plain_length),
    };
    let header: [u8; HEADER_SIZE] = header.encode();
    out.extend_from_slice(&header);
    out.extend_from_slice(body);
}

/// The data of a frame.
pub fn deflated(algorithm: Compression, plain: &[u8]) -> Vec<u8> {
    match algorithm {
        #[cfg(feature = "zstd")]
        Compression::Zstd => {
            ruzstd::encoding::compress_to_vec(plain, ruzstd::encoding::CompressionLevel::Fastest)
        }
        _ => miniz_oxide::deflate::compress_to_vec_zlib(plain, 1),
    }
}
