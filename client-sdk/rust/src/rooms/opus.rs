//! What is to be known of Opus without decoding it (RFC 6716, 3).

use std::time::Duration;

/// Samples a second, of whatever was encoded.
pub(super) const RATE: u32 = 48_000;
/// 20 ms of silence in two channels.
pub(super) const SILENCE: &[u8] = &[0xfc, 0xff, 0xfe];
pub(super) const SILENCE_SAMPLES: u64 = 960;
/// An encoder that has nothing to send sends packets as short as this.
const SILENT_LEN_MAX: usize = 3;
/// What is said of a packet of which nobody knows how loud it is.
const LEVEL: u8 = 30;
const LEVEL_SILENT: u8 = 127;

/// 20 ms of a tone of 400 Hz at -15 dBov. It is a whole number of waves, so that the same packet
/// again and again is the tone going on.
pub(super) const TONE: &[u8] = &[
    0xb8, 0xad, 0x6d, 0x67, 0x08, 0xfb, 0xee, 0x20, 0x24, 0xcc, 0x8b, 0xde, 0x6f, 0xbb, 0xe4, 0xc0,
    0xa3, 0xd1, 0xb4, 0xde, 0x39, 0xea, 0xd3, 0x3a, 0xc8, 0x5c, 0xf5, 0x2a, 0x94, 0x73, 0x19, 0x13,
    0xb4, 0x6d, 0xb4, 0x8e, 0x22, 0x4b, 0x77, 0xac, 0x45, 0xab, 0x7f, 0xbf, 0x91, 0xb9, 0xef, 0xc6,
    0x34, 0x19, 0xd8, 0x9d, 0x87, 0x09, 0x70, 0xb8, 0xaa, 0x57, 0x11, 0xf9,
];
pub(super) const TONE_LEVEL: u8 = 15;

/// How long a packet is heard; `None` if it is not one.
pub(super) fn duration(packet: &[u8]) -> Option<Duration> {
    let first = *packet.first()?;
    let config = usize::from(first >> 3);
    let micros = match config {
        0..12 => [10_000, 20_000, 40_000, 60_000][config % 4],
        12..16 => [10_000, 20_000][config % 2],
        _ => [2_500, 5_000, 10_000, 20_000][config % 4],
    };
    let frames = match first & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u64::from(packet.get(1)? & 0x3f),
    };
    let whole = Duration::from_micros(micros * frames);
    (frames > 0 && whole <= Duration::from_millis(120)).then_some(whole)
}

pub(super) fn samples(time: Duration) -> u64 {
    let samples = time.as_nanos() * u128::from(RATE) / 1_000_000_000;
    u64::try_from(samples).unwrap_or(u64::MAX)
}

/// How loud a packet is, in -dBov, as far as that is seen without decoding it.
pub(super) fn level(packet: &[u8]) -> u8 {
    if packet.len() <= SILENT_LEN_MAX { LEVEL_SILENT } else { LEVEL }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_says_how_long_a_packet_is_heard() {
        let millis = |packet: &[u8]| duration(packet).map(|it| it.as_micros() as f64 / 1_000.0);
        assert_eq!(millis(TONE), Some(20.0));
        assert_eq!(millis(SILENCE), Some(20.0));
        assert_eq!(millis(&[0x80]), Some(2.5));
        assert_eq!(millis(&[0x19]), Some(120.0));
        assert_eq!(millis(&[0x63, 3]), Some(30.0));
        assert_eq!(millis(&[]), None);
        assert_eq!(millis(&[0x63]), None);
        assert_eq!(millis(&[0x63, 0]), None);
        assert_eq!(millis(&[0x1b, 3]), None, "180 ms");
    }
}
