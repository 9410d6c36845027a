//! How fast a connection sends, what waits to be sent, and what is kept to be sent again.

use std::time::{Duration, Instant};

use str0m::{bwe::Bitrate, media::Mid, rtp::StreamTx};

use super::{Connection, config};

impl Connection {
    /// Something is to be shown in a section: before its first packet the way is tried with what
    /// fills it up, which is its stream's.
    pub(crate) fn prepare(&mut self, mid: Mid) {
        if let Some(sending) = self.sent.iter_mut().find(|sending| sending.mid == mid) {
            sending.begin(&mut self.rtc);
        }
    }

    /// How much would be sent, if the way to the client carried it, which is probed for, and how
    /// much of that is filled up with padding, as far as the way is known to carry it.
    pub(crate) fn desire(&mut self, sustained_bps: u64, bps: u64) {
        self.rtc.bwe().set_bitrate(Bitrate::bps(sustained_bps), Bitrate::bps(bps));
    }

    /// Forgets what was estimated: it is found out anew, from this on.
    pub(crate) fn estimate_anew(&mut self, bps: u64) {
        self.rtc.bwe().reset(Bitrate::bps(bps));
    }

    /// Whether what a section sends leaves evenly, at the pace of the estimate, or at once.
    pub(crate) fn pace(&mut self, mid: Mid, evenly: bool) {
        self.of_stream(mid, |stream| stream.set_unpaced(!evenly));
    }

    /// What was sent in a section is of no use any more: none of it is sent again.
    pub(crate) fn forget(&mut self, mid: Mid) {
        self.of_stream(mid, config::keep_nothing);
    }

    /// How long the oldest packet of a section waits to be sent.
    pub(crate) fn waits(&mut self, mid: Mid, now: Instant) -> Duration {
        let first = self.of_stream(mid, |stream| stream.queue_info()?.first_unsent()).flatten();
        first.map_or(Duration::ZERO, |first| now.saturating_duration_since(first))
    }

    /// The stream of a section, if the library knows of it.
    fn of_stream<T>(&mut self, mid: Mid, act: impl FnOnce(&mut StreamTx) -> T) -> Option<T> {
        let sending = self.sent.iter().find(|sending| sending.mid == mid)?;
        self.rtc.direct_api().stream_tx(&sending.ssrc).map(act)
    }
}
