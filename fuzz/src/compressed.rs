//! Compressed conversations: frames of any size, damaged anywhere, and bytes that are no frames.

use mywire::Compression;

use super::drive::{Cuts, Plain, Reading, run};
use super::frames::{frame, framed};
use super::server::conversation;
use super::source::Source;

/// Reads of one run, so that large rows do not take all the time.
const MAX_READS: usize = 1_500;

/// Frames of one run: each costs its maker a compressor, and its reader a table.
const MAX_FRAMES: usize = 300;

/// Undamaged frames say what the same conversation says without them. Damaged ones say the same
/// however they are cut, and what [`run`] checks.
pub fn compressed(data: &[u8]) {
    let mut source = Source::new(data);
    let algorithm = match source.below(4) {
        #[cfg(feature = "zstd")]
        3 => Compression::Zstd,
        _ => Compression::Zlib,
    };
    let cuts = Cuts::draw(&mut source);
    let sizes: Vec<usize> = (0..=source.below(4)).map(|_| 1 + source.below(9_000)).collect();
    let damages = source.below(4);
    let damage: Vec<_> =
        (0..damages).map(|_| (source.below(4), source.u32(), source.byte())).collect();
    let body = source.slice(200).to_vec();
    let plain = conversation(&mut source);
    let factor = plain.len() * sizes.len() / (MAX_FRAMES * sizes.iter().sum::<usize>()) + 1;
    let sizes: Vec<_> = sizes.into_iter().map(|size| size * factor).collect();
    let mut framed = framed(plain.clone(), algorithm, &sizes);
    for &(kind, place, byte) in &damage {
        let replies = framed.turns.iter_mut().map(|turn| &mut turn.reply);
        let mut replies: Vec<_> = replies.filter(|reply| !reply.is_empty()).collect();
        let Some(count) = replies.len().checked_sub(1) else { break };
        let place = usize::try_from(place).expect("a wide usize");
        let reply = &mut replies[place % (count + 1)];
        let at = place / (count + 1) % reply.len();
        match kind {
            0 => reply[at] = byte,
            1 => reply.truncate(at),
            2 => reply.insert(at, byte),
            // A frame of anything, whatever it announces.
            _ => {
                let announced = place % 20_000;
                let mut inserted = Vec::new();
                frame(&mut inserted, byte, announced, &body);
                reply.splice(0..0, inserted);
            }
        }
    }
    let events = |conversation: &_, cuts: &_, reading| {
        run(conversation, cuts, reading, &mut Plain::default(), &mut |_, _| {})
    };
    let whole = events(&framed, &Cuts::Whole, Reading::Rows);
    let cuts = cuts.at_most(MAX_READS, framed.len());
    assert_eq!(events(&framed, &cuts, Reading::Rows), whole, "{cuts:?}");
    assert_eq!(events(&framed, &cuts, Reading::Batches), whole, "{cuts:?}");
    if damage.is_empty() {
        assert_eq!(whole, events(&plain, &Cuts::Whole, Reading::Rows));
    }
}
