//! The server's side: packets out of a stream cut anywhere, and the client's messages out of them.

use bytes::BytesMut;
use mywire::codec::{CodecError, Packet, PacketCodec};
use mywire::wire::attributes::AttributedQuery;
use mywire::wire::{
    Capabilities, ChangeUser, Command, LoginRequest, PacketHeader, Parameters, SslRequest,
};
use tokio_util::codec::{Decoder, Encoder};

use super::drive::Cuts;
use super::meter::bounded;
use super::source::Source;

/// Decisions: how to cut, the largest packet; then the stream.
pub fn server_side(data: &[u8]) {
    bounded(data, |data| {
        let mut source = Source::new(data);
        let cuts = match Cuts::draw(&mut source) {
            Cuts::Sizes(sizes) => sizes,
            _ => vec![1],
        };
        let max = source.pick(&[usize::MAX >> 8, 16, 300]);
        let healthy = source.flag();
        let stream = match healthy {
            true => packets(&mut source),
            false => source.rest().to_vec(),
        };
        let whole = decoded(&stream, &[usize::MAX], max);
        assert_eq!(decoded(&stream, &cuts, max), whole, "{cuts:?}");
        let (seen, end) = &whole;
        let (expected, left) = by_hand(&stream, max);
        assert_eq!(*seen, expected);
        match end {
            None => assert_eq!(left, Left::Nothing),
            Some(error) => assert_eq!(error, left.shown()),
        }
        let mut again = BytesMut::new();
        for (sequence, payload) in seen {
            let packet = Packet { sequence: *sequence, payload };
            PacketCodec::new().encode(packet, &mut again).expect("it is within the limit");
            messages(payload);
        }
        assert!(stream.starts_with(&again));
    });
}

/// Packets of any payloads, so that short inputs have several.
fn packets(source: &mut Source<'_>) -> Vec<u8> {
    let mut stream = BytesMut::new();
    while !source.is_empty() {
        let (sequence, payload) = (source.byte(), source.slice(90));
        let packet = Packet { sequence, payload };
        PacketCodec::new().encode(packet, &mut stream).expect("it is short");
    }
    stream.to_vec()
}

type Packets = Vec<(u8, Vec<u8>)>;

/// The packets of a stream that comes in pieces, and how it ended if not well.
fn decoded(stream: &[u8], cuts: &[usize], max: usize) -> (Packets, Option<String>) {
    let mut codec = PacketCodec::new().max_packet(max);
    let (mut src, mut packets, mut rest) = (BytesMut::new(), Vec::new(), stream);
    let mut sizes = cuts.iter().cycle();
    loop {
        match codec.decode(&mut src) {
            Ok(Some(packet)) => packets.push((packet.sequence, packet.payload.to_vec())),
            Ok(None) if rest.is_empty() => break,
            Ok(None) => {
                let size = sizes.next().expect("it has no end");
                let (piece, behind) = rest.split_at((*size).min(rest.len()));
                src.extend_from_slice(piece);
                rest = behind;
            }
            Err(error) => return (packets, Some(shown(&error))),
        }
    }
    match codec.decode_eof(&mut src) {
        Ok(None) => (packets, None),
        Ok(Some(packet)) => panic!("{packet:?} at the end"),
        Err(error) => (packets, Some(shown(&error))),
    }
}

fn shown(error: &CodecError) -> String {
    match error {
        CodecError::TooLarge { .. } => "too large",
        CodecError::Sequence { .. } => "sequence",
        CodecError::Truncated => "truncated",
        error => panic!("{error}"),
    }
    .to_owned()
}

#[derive(Debug, PartialEq)]
enum Left {
    Nothing,
    APart,
    TooMuch,
}

impl Left {
    fn shown(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::APart => "truncated",
            Self::TooMuch => "too large",
        }
    }
}

/// The same by hand; no input is as long as a chunk that goes on.
fn by_hand(mut stream: &[u8], max: usize) -> (Packets, Left) {
    let mut packets = Vec::new();
    loop {
        let &[a, b, c, sequence, ref rest @ ..] = stream else {
            let left = if stream.is_empty() { Left::Nothing } else { Left::APart };
            return (packets, left);
        };
        let length = usize::from(a) | usize::from(b) << 8 | usize::from(c) << 16;
        if length > max {
            return (packets, Left::TooMuch);
        }
        let Some((payload, behind)) = rest.split_at_checked(length) else {
            return (packets, Left::APart);
        };
        packets.push((sequence, payload.to_vec()));
        stream = behind;
    }
}

/// Whatever a client's packet is read as, it is written as it was read.
fn messages(payload: &[u8]) {
    let mut out = Vec::new();
    if let Ok(command) = Command::decode(payload) {
        command.encode(&mut out);
        assert_eq!(Command::decode(&out), Ok(command));
        assert_eq!(out.len(), command.payload_len());
        if let Command::StmtExecute(execute) = command {
            for count in 0..4 {
                if let Ok(parameters) = Parameters::decode(execute.parameters, count) {
                    let types: Vec<_> = parameters.types().collect();
                    let _ = parameters.values(&types);
                }
            }
        }
    }
    out.clear();
    if let Ok(query) = AttributedQuery::decode(payload)
        && query.encode(&mut out).is_ok()
    {
        assert_eq!(AttributedQuery::decode(&out).as_ref(), Ok(&query));
    }
    out.clear();
    if let Ok(request) = LoginRequest::decode(payload)
        && request.encode(&mut out).is_ok()
    {
        assert_eq!(LoginRequest::decode(&out), Ok(request));
    }
    out.clear();
    if let Ok(request) = SslRequest::decode(payload) {
        request.encode(&mut out);
        assert_eq!(SslRequest::decode(&out), Ok(request));
    }
    for capabilities in [
        Capabilities::NONE,
        Capabilities::PLUGIN_AUTH,
        Capabilities::PLUGIN_AUTH | Capabilities::CONNECT_ATTRS,
    ] {
        out.clear();
        if let Ok(change) = ChangeUser::decode(payload, capabilities)
            && change.encode(capabilities, &mut out).is_ok()
        {
            assert_eq!(ChangeUser::decode(&out, capabilities), Ok(change));
        }
    }
    if let Some(header) = payload.first_chunk::<4>() {
        assert_eq!(PacketHeader::decode(*header).encode(), *header);
    }
}
