//! A participant's media: what they send, and what they received.

use carillon_protocol::room::Source;
use carillon_sfu::kit::{Client, Track};

use super::{
    ledger::Ledger,
    stream::{self, Layer, Stream},
};
use crate::{clock::now_ns, fleet::Failed, fleet::Target};

/// What somebody does in a meeting.
#[derive(Debug, Clone, Default)]
pub struct Part {
    /// The how-manieth of those who talk, if they do.
    pub voice: Option<usize>,
    /// The layers of their camera; none if they have none.
    pub camera: Vec<Layer>,
}

impl Part {
    /// What they publish.
    pub fn tracks(&self) -> Vec<Track<'static>> {
        stream::tracks(self.voice.is_some(), &self.camera)
    }
}

/// Somebody in the meeting.
pub struct Seat {
    /// What was received.
    pub ledger: Ledger,
    /// The connections.
    pub client: Client,
    /// How long it took from asking to come in to the first packet, in nanoseconds.
    first_packet_ns: Option<u64>,
    streams: Vec<Stream>,
    begun_at: u64,
}

impl Seat {
    /// The how-manieth seat of those who connect to this server; coming in begins now.
    pub fn new(target: &Target, part: &Part, number: usize) -> Result<Seat, Failed> {
        let begun_at = now_ns();
        // Not all at the same moment: people do not begin to speak in step.
        let starts_at = begun_at + (number as u64 * 7_919_000) % 33_000_000;
        let voice = part.voice.map(|number| Stream::voice(number, starts_at));
        let cameras = part.camera.iter().map(|layer| Stream::camera(*layer, starts_at));
        Ok(Seat {
            ledger: Ledger::new(begun_at),
            client: Client::new(target.address.ip(), number as u64 * 2 + 1)?,
            first_packet_ns: None,
            streams: voice.into_iter().chain(cameras).collect(),
            begun_at,
        })
    }

    /// Whether everything that is to be connected is.
    pub fn is_connected(&self, receives: bool) -> bool {
        let (publishes, subscribes) = self.client.is_connected();
        (subscribes || !receives) && (publishes || self.streams.is_empty())
    }

    /// Sends what is due and takes in what arrived.
    pub fn step(&mut self) -> Result<(), Failed> {
        let now = now_ns();
        for stream in &mut self.streams {
            stream.send(&mut self.client, now)?;
        }
        self.client.step()?;
        for (source, rid) in self.client.take_wanted() {
            self.key_frame(source, rid.as_deref());
        }
        for packet in self.client.take_received() {
            let at = now_ns().saturating_sub(packet.at.elapsed().as_nanos() as u64);
            self.ledger.note(&packet, at);
        }
        if let (None, Some(at)) = (self.first_packet_ns, self.ledger.first_at) {
            self.first_packet_ns = Some(at.saturating_sub(self.begun_at));
        }
        Ok(())
    }

    fn key_frame(&mut self, source: Source, rid: Option<&str>) {
        for stream in &mut self.streams {
            stream.key_frame((source, rid));
        }
    }

    /// How long it took from asking to come in to the first packet, in milliseconds; for ever, if
    /// none came.
    pub fn join_ms(&self) -> f64 {
        self.first_packet_ns.map_or(f64::INFINITY, |ns| ns as f64 / 1e6)
    }

    /// When there is something to do without a datagram, in nanoseconds since the epoch: something
    /// to send, or something that the protocol owes.
    pub fn due(&self, now: u64) -> u64 {
        let wait = self.client.time_left().as_nanos() as u64;
        let sends = self.streams.iter().map(Stream::due);
        sends.min().unwrap_or(u64::MAX).min(now.saturating_add(wait))
    }

    /// Begins to count anew, and hands over what was received until now.
    pub fn turn_over(&mut self) -> Ledger {
        self.streams.iter_mut().for_each(Stream::count_anew);
        self.ledger.turn_over(now_ns())
    }

    /// How many packets were sent since it was counted anew.
    pub fn sent(&self) -> u64 {
        self.streams.iter().map(|stream| stream.sent()).sum()
    }

    /// The most key frames that were sent of one layer since it was counted anew.
    pub fn key_frames(&self) -> u64 {
        self.streams.iter().map(|stream| stream.key_frames()).max().unwrap_or_default()
    }
}
