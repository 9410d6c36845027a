//! A packet of media, between the connection that it came on and those it goes out on.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use str0m::{
    format::Codec as Format,
    media::{MediaTime, Mid, Rid},
    rtp::{ExtensionValues, RtpPacket, Vp8Descriptor, Vp8Patch},
};

use crate::munge::Vp8Ids;

/// How long a receiver may hold pictures back at most. Lower is smoother talking, higher is
/// smoother moving.
const PLAYOUT_MAX: Duration = Duration::from_millis(100);
/// The longest payload that is passed on: with all headers it fits into the 1,500 bytes that links
/// carry. The library cannot send what is longer than 2,000 in all.
const PAYLOAD_LEN_MAX: usize = 1_440;
/// The largest picture id where a descriptor has room for 7 bits of it.
const SHORT_PICTURE: u16 = 0x7f;

/// What a stream is coded in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    Opus,
    Vp8,
    H264,
}

impl Codec {
    pub(crate) fn clock_rate(self) -> u32 {
        if self == Codec::Opus { 48_000 } else { 90_000 }
    }

    pub(super) fn format(self) -> Format {
        match self {
            Codec::Opus => Format::Opus,
            Codec::Vp8 => Format::Vp8,
            Codec::H264 => Format::H264,
        }
    }

    pub(super) fn of(format: Format) -> Option<Codec> {
        match format {
            Format::Opus => Some(Codec::Opus),
            Format::Vp8 => Some(Codec::Vp8),
            Format::H264 => Some(Codec::H264),
            _ => None,
        }
    }
}

/// A packet of media as it was received. The payload is shared by all who get it.
pub(crate) struct Packet {
    pub(crate) mid: Mid,
    pub(crate) rid: Option<Rid>,
    pub(crate) ssrc: u32,
    pub(crate) codec: Codec,
    /// The number of the packet in its stream, counted on beyond 16 bits.
    pub(crate) seq: u64,
    pub(crate) time: u32,
    pub(crate) marker: bool,
    pub(crate) at: Instant,
    /// How loud it is, in decibels below the loudest possible.
    pub(crate) level: Option<u8>,
    pub(crate) payload: Arc<[u8]>,
    descriptor: Option<Vp8Descriptor>,
    carried: ExtensionValues,
}

impl Packet {
    /// One that the library received; nothing for what is too long to be sent, and for VP8 whose
    /// description cannot be read: it cannot be put in line behind another.
    pub(super) fn new(came: RtpPacket, codec: Codec, mid: Mid, rid: Option<Rid>) -> Option<Packet> {
        if came.payload.len() > PAYLOAD_LEN_MAX {
            return None;
        }
        let descriptor = match codec {
            Codec::Vp8 => Some(Vp8Descriptor::parse(&came.payload).ok()?),
            _ => None,
        };
        let level = came.header.ext_vals.audio_level;
        Some(Packet {
            mid,
            rid,
            ssrc: *came.header.ssrc,
            codec,
            seq: *came.seq_no,
            time: came.header.timestamp,
            marker: came.header.marker,
            at: came.timestamp,
            level: level.map(|level| level.unsigned_abs()),
            payload: came.payload,
            descriptor,
            carried: carried(&came.header.ext_vals, codec),
        })
    }

    /// The numbers in a VP8 packet that must go on when the stream is switched.
    pub(crate) fn vp8(&self) -> Option<Vp8Ids> {
        let descriptor = self.descriptor.as_ref()?;
        let picture = descriptor.picture_id()?;
        Some(Vp8Ids { picture, tl0: descriptor.tl0_pic_idx().unwrap_or_default() })
    }

    /// The header extensions that go on to a receiver.
    pub(super) fn carried(&self) -> ExtensionValues {
        self.carried.clone()
    }

    /// What changes the numbers of a VP8 packet to these.
    pub(super) fn patch(&self, ids: Vp8Ids) -> Option<Vp8Patch> {
        let descriptor = self.descriptor.as_ref()?;
        let mut patch = descriptor.patch();
        if descriptor.tl0_pic_idx().is_some() {
            patch = patch.tl0_pic_idx(ids.tl0);
        }
        let long = patch.picture_id(ids.picture).build();
        // An encoder that counts pictures with 7 bits.
        long.or_else(|_| patch.picture_id(ids.picture & SHORT_PICTURE).build()).ok()
    }
}

/// What of a packet's header extensions goes on to its receivers. The others say something about
/// the way that it came, not about what it is.
fn carried(came: &ExtensionValues, codec: Codec) -> ExtensionValues {
    let pictures = codec != Codec::Opus;
    let playout = MediaTime::from_millis(PLAYOUT_MAX.as_millis() as u64);
    ExtensionValues {
        audio_level: came.audio_level,
        voice_activity: came.voice_activity,
        video_orientation: came.video_orientation,
        abs_capture_time: came.abs_capture_time,
        play_delay_min: pictures.then(|| MediaTime::from_millis(0)),
        play_delay_max: pictures.then_some(playout),
        ..ExtensionValues::default()
    }
}
