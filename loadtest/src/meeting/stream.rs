//! What participants send: packets of the sizes and at the times of voices and cameras, each with
//! the time at which it was sent.

use std::{io, ops::RangeInclusive};

use carillon_protocol::room::Source;
use carillon_sfu::kit::{Client, Picture, Track};

use crate::clock::now_ns;

const NS_PER_S: u64 = 1_000_000_000;
/// A voice has 50 packets a second, as Opus has in calls …
const VOICE_NS: u64 = NS_PER_S / 50;
/// … of so many steps of its clock of 48 kHz …
const VOICE_STEP: u32 = 960;
/// … and of so many bytes: 32 kbit/s.
const VOICE_LEN: usize = 80;
/// Voices are as loud as this, in -dBov: the first is the loudest.
const LEVELS: RangeInclusive<u8> = 20..=35;

/// Pictures a second.
pub const FPS: u64 = 30;
/// Steps of the clock of 90 kHz between two pictures.
const PICTURE_STEP: u32 = 90_000 / FPS as u32;
/// The largest body of a packet of a picture.
const PACKET_LEN: usize = 1_100;
/// A key frame is so many times as large as another.
const KEY_TIMES: usize = 4;

/// Before what is measured: no other payload begins like this by chance.
const MAGIC: [u8; 4] = *b"CRLN";
const STAMP_LEN: usize = MAGIC.len() + 16;

/// What a packet carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// When it was sent, in nanoseconds since the epoch.
    pub sent_at: u64,
    /// The how-manieth of its stream it is.
    pub number: u64,
}

/// The bytes of a packet, at least as many as a stamp has.
pub fn body(stamp: Stamp, len: usize) -> Vec<u8> {
    let mut body = Vec::with_capacity(len.max(STAMP_LEN));
    body.extend(MAGIC);
    body.extend(stamp.sent_at.to_be_bytes());
    body.extend(stamp.number.to_be_bytes());
    body.resize(len.max(STAMP_LEN), 0x5A);
    body
}

/// The stamp of a packet, if it has one.
pub fn stamp(body: &[u8]) -> Option<Stamp> {
    let (magic, rest) = body.split_first_chunk()?;
    let (sent_at, rest) = rest.split_first_chunk()?;
    let (number, _) = rest.split_first_chunk()?;
    let (sent_at, number) = (u64::from_be_bytes(*sent_at), u64::from_be_bytes(*number));
    (*magic == MAGIC).then_some(Stamp { sent_at, number })
}

/// A layer of a camera.
#[derive(Debug, Clone, Copy)]
pub struct Layer {
    /// Its name; none if it is the only one.
    pub rid: Option<&'static str>,
    /// How much it carries.
    pub kbps: usize,
    /// How large the picture is.
    pub size: (u16, u16),
}

/// What a camera sends if the smaller pictures are wanted too.
pub const SIMULCAST: [Layer; 3] = [
    Layer { rid: Some("q"), kbps: 100, size: (320, 180) },
    Layer { rid: Some("h"), kbps: 350, size: (640, 360) },
    Layer { rid: Some("f"), kbps: 1_300, size: (1280, 720) },
];

/// A stream of packets that is sent when it is due.
#[derive(Debug)]
pub struct Stream {
    source: Source,
    layer: Option<Layer>,
    due: u64,
    every: u64,
    seq: u64,
    time: u32,
    number: u64,
    picture: u16,
    key_wanted: bool,
    level: u8,
    /// Packets and key frames since they were counted anew.
    sent: u64,
    key_frames: u64,
}

impl Stream {
    /// A voice; the how-manieth it is says how loud.
    pub fn voice(number: usize, starts_at: u64) -> Stream {
        let level = LEVELS.start() + (number as u8 % (LEVELS.end() - LEVELS.start() + 1));
        Stream { level, ..Stream::new(Source::Microphone, None, VOICE_NS, starts_at) }
    }

    /// A layer of a camera.
    pub fn camera(layer: Layer, starts_at: u64) -> Stream {
        Stream::new(Source::Camera, Some(layer), NS_PER_S / FPS, starts_at)
    }

    fn new(source: Source, layer: Option<Layer>, every: u64, due: u64) -> Stream {
        Stream {
            source,
            layer,
            due,
            every,
            seq: 1,
            time: 0,
            number: 0,
            picture: 0,
            key_wanted: true,
            level: 0,
            sent: 0,
            key_frames: 0,
        }
    }

    /// When it has something to send.
    pub fn due(&self) -> u64 {
        self.due
    }

    /// How many packets were sent since they were counted anew.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// How many key frames were sent since they were counted anew.
    pub fn key_frames(&self) -> u64 {
        self.key_frames
    }

    /// Counts anew.
    pub fn count_anew(&mut self) {
        (self.sent, self.key_frames) = (0, 0);
    }

    /// The next picture is a whole one, if this is the layer that was asked.
    pub fn key_frame(&mut self, (source, rid): (Source, Option<&str>)) {
        let is_this = self.source == source && self.layer.and_then(|layer| layer.rid) == rid;
        self.key_wanted |= is_this;
    }

    /// Sends what is due; times are fixed beforehand, but what would come in one heap is skipped.
    pub fn send(&mut self, client: &mut Client, now: u64) -> io::Result<()> {
        if now < self.due {
            return Ok(());
        }
        let turns = ((now - self.due) / self.every + 1) as u32;
        self.due += u64::from(turns) * self.every;
        match self.layer {
            None => {
                self.time = self.time.wrapping_add(turns * VOICE_STEP);
                self.packet(client, false, |stamp| body(stamp, VOICE_LEN))
            }
            Some(layer) => {
                self.time = self.time.wrapping_add(turns * PICTURE_STEP);
                self.frame(client, layer)
            }
        }
    }

    fn frame(&mut self, client: &mut Client, layer: Layer) -> io::Result<()> {
        let key = std::mem::take(&mut self.key_wanted);
        self.key_frames += u64::from(key);
        self.picture = (self.picture + 1) & 0x7FFF;
        let usual = layer.kbps * 1_000 / 8 / FPS as usize;
        let len = if key { usual * KEY_TIMES } else { usual };
        let packets = len.div_ceil(PACKET_LEN).max(1);
        for packet in 0..packets {
            let picture = Picture {
                key,
                first: packet == 0,
                id: self.picture,
                tl0: self.picture as u8,
                size: layer.size,
            };
            let write = |stamp| picture.payload(&body(stamp, len / packets));
            self.packet(client, packet + 1 == packets, write)?;
        }
        Ok(())
    }

    fn packet(
        &mut self,
        client: &mut Client,
        marker: bool,
        payload: impl Fn(Stamp) -> Vec<u8>,
    ) -> io::Result<()> {
        let payload = payload(Stamp { sent_at: now_ns(), number: self.number });
        let level = self.source.is_audio().then_some(self.level);
        let stream = (self.source, self.layer.and_then(|layer| layer.rid));
        client.send(stream, (self.seq, self.time, marker), level, &payload)?;
        self.seq += 1;
        self.number += 1;
        self.sent += 1;
        Ok(())
    }
}

/// The tracks that a voice and these layers are.
pub fn tracks(talks: bool, layers: &[Layer]) -> Vec<Track<'static>> {
    const NAMES: [&str; SIMULCAST.len()] = ["q", "h", "f"];
    let rids: &[&str] = if layers.len() > 1 { &NAMES } else { &[] };
    let voice = talks.then_some(Track { source: Source::Microphone, rids: &[] });
    let camera = (!layers.is_empty()).then_some(Track { source: Source::Camera, rids });
    voice.into_iter().chain(camera).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_as_it_was_written() {
        let stamp = Stamp { sent_at: 17, number: 4 };
        assert_eq!(super::stamp(&body(stamp, 300)), Some(stamp));
        assert_eq!(super::stamp(&[0; 300]), None);
        assert_eq!(super::stamp(b"CRLN"), None);
    }
}
