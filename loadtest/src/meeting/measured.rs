//! What was measured of meetings.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::{
    gathering::Gathering,
    ledger::{Ledger, Sum, no_delays},
    seat::Seat,
};
use crate::{bars::median, clock::now_ns, fleet::Failed, process::Process};

/// A time that was measured, with the server and everybody in it.
#[derive(Debug)]
pub struct Measured {
    /// Processor time of the server, in microseconds.
    pub cpu_us: u64,
    /// The same of whoever measures.
    pub own_us: u64,
    /// How long it was measured, in nanoseconds.
    pub took_ns: u64,
    /// What everybody received, in the order in which they came.
    pub received: Vec<Ledger>,
    /// How many packets everybody sent.
    pub sent: Vec<u64>,
    /// The most key frames of one layer that anybody sent.
    pub key_frames: u64,
    /// From asking to come in to the first packet, in milliseconds, of everybody; for ever, of
    /// those who never received one.
    pub joins_ms: Vec<f64>,
}

/// Measures what goes on while `run` does.
pub fn measure(
    gathering: &mut Gathering,
    server: Process,
    run: impl FnOnce(&mut Gathering) -> Result<(), Failed>,
) -> Result<Measured, Failed> {
    let own = Process(std::process::id());
    for seat in gathering.seats() {
        seat.turn_over();
    }
    let (cpu, own_cpu, begun) = (server.cpu_us()?, own.cpu_us()?, now_ns());
    run(gathering)?;
    let (cpu_us, took_ns) = (server.cpu_us()? - cpu, now_ns() - begun);
    let own_us = own.cpu_us()? - own_cpu;
    let seats = gathering.seats();
    let joins_ms = seats.iter().map(Seat::join_ms).collect();
    let key_frames = seats.iter().map(Seat::key_frames).max().unwrap_or_default();
    let sent = seats.iter().map(Seat::sent).collect();
    let received = seats.iter_mut().map(Seat::turn_over).collect();
    Ok(Measured { cpu_us, own_us, took_ns, received, sent, key_frames, joins_ms })
}

impl Measured {
    /// What came and what did not, of everybody.
    pub fn sum(&self, of: impl Fn(bool) -> bool) -> Sum {
        self.received
            .iter()
            .map(|ledger| ledger.sum(&of))
            .fold(Sum::default(), |all, sum| all + sum)
    }

    /// How long it was measured.
    pub fn took(&self) -> Duration {
        Duration::from_nanos(self.took_ns)
    }

    /// Packets that arrived, in a second.
    pub fn packets_per_s(&self) -> f64 {
        self.sum(|_| true).seen as f64 * 1e9 / self.took_ns as f64
    }

    /// What the server took of one core.
    pub fn load(&self) -> f64 {
        self.cpu_us as f64 * 1e3 / self.took_ns as f64
    }

    /// What the generator took of its own.
    pub fn own_load(&self) -> f64 {
        self.own_us as f64 * 1e3 / self.took_ns as f64
    }

    /// Processor time of the server for a packet that arrived; no number if none did.
    pub fn us_per_packet(&self) -> f64 {
        self.cpu_us as f64 / self.sum(|_| true).seen as f64
    }

    /// How many packets a whole core would forward at this cost.
    pub fn packets_per_core(&self) -> f64 {
        self.packets_per_s() / self.load()
    }

    /// Delays of voices and of pictures, in nanoseconds.
    pub fn kinds(&self) -> [(&'static str, Histogram<u64>); 2] {
        let (mut voices, mut pictures) = (no_delays(), no_delays());
        for ledger in &self.received {
            let added = voices.add(&ledger.voices).and_then(|()| pictures.add(&ledger.pictures));
            added.expect("all have the same bounds");
        }
        [("voices", voices), ("pictures", pictures)]
    }

    /// Delays of all, in nanoseconds.
    pub fn delays(&self) -> Histogram<u64> {
        let [(_, mut all), (_, pictures)] = self.kinds();
        all.add(&pictures).expect("all have the same bounds");
        all
    }

    /// How long joining took half of these, in milliseconds.
    pub fn join_p50_ms(&self, of: std::ops::Range<usize>) -> f64 {
        median(self.joins_ms[of].iter().copied())
    }

    /// The figures of the server's core in a few words.
    pub fn core(&self) -> String {
        format!(
            "{:.0} packets/s at {:.0} % of the core, {:.1} us each (generator: {:.0} % of its own)",
            self.packets_per_s(),
            self.load() * 100.0,
            self.us_per_packet(),
            self.own_load() * 100.0
        )
    }
}

/// So many of a hundred took less, in milliseconds; no number if there was nothing.
pub fn ms(delays: &Histogram<u64>, percent: f64) -> f64 {
    if delays.is_empty() { f64::NAN } else { delays.value_at_percentile(percent) as f64 / 1e6 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_measured_is_no_number() {
        let nothing = Measured {
            cpu_us: 0,
            own_us: 0,
            took_ns: 1,
            received: vec![Ledger::new(0)],
            sent: vec![0],
            key_frames: 0,
            joins_ms: vec![f64::INFINITY],
        };
        assert!(nothing.us_per_packet().is_nan() && nothing.packets_per_core().is_nan());
        assert!(ms(&nothing.delays(), 50.0).is_nan());
        assert!(nothing.join_p50_ms(0..1).is_infinite());
    }
}
