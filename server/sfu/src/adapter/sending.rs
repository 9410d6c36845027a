//! The stream that a section sends.

use str0m::{
    Rtc,
    media::{Mid, Pt},
    rtp::Ssrc,
};

use super::packet::Codec;

/// What a stream is sent in.
const CODECS: [Codec; 3] = [Codec::Opus, Codec::Vp8, Codec::H264];

/// The stream of a section, which is the same for ever.
pub(super) struct Sending {
    pub(super) mid: Mid,
    pub(super) ssrc: Ssrc,
    rtx: Option<Ssrc>,
    /// Whether the library knows of it.
    awake: bool,
    /// Whether something was sent in it, or soon will be.
    used: bool,
    /// What the client calls each codec, if it can receive it.
    names: [Option<Pt>; CODECS.len()],
}

impl Sending {
    /// That of a section which was answered just now.
    pub(super) fn new(mid: Mid, ssrc: Ssrc, rtx: Option<Ssrc>) -> Sending {
        Sending { mid, ssrc, rtx, awake: true, used: false, names: [None; CODECS.len()] }
    }

    /// What can be received was negotiated anew.
    pub(super) fn negotiated(&mut self, rtc: &mut Rtc) {
        let Some(media) = rtc.media(self.mid) else { return };
        self.names = CODECS.map(|codec| {
            let mut known = rtc.codec_config().params().iter();
            let format = codec.format();
            let takes = |pt| media.remote_pts().contains(&pt);
            known.find(|p| p.spec().codec == format && takes(p.pt())).map(|params| params.pt())
        });
    }

    pub(super) fn payload_type(&self, codec: Codec) -> Option<Pt> {
        let at = CODECS.iter().position(|known| *known == codec)?;
        self.names[at]
    }

    /// Something is sent in it from now on.
    pub(super) fn begin(&mut self, rtc: &mut Rtc) {
        self.used = true;
        self.wake(rtc);
    }

    /// The library is told of it: the client is to be told of all streams.
    pub(super) fn wake(&mut self, rtc: &mut Rtc) {
        if !self.awake {
            rtc.direct_api().declare_stream_tx(self.ssrc, self.rtx, self.mid, None);
            self.awake = true;
        }
    }

    /// What was never sent is taken from the library, which goes through all that it knows at every
    /// packet.
    pub(super) fn rest(&mut self, rtc: &mut Rtc) {
        if self.awake && !self.used {
            rtc.direct_api().remove_stream_tx(self.ssrc);
            self.awake = false;
        }
    }
}
