//! What every connection can do.

use std::time::{Duration, Instant};

use str0m::{
    Rtc, RtcConfig,
    bwe::Bitrate,
    config::DtlsCert,
    crypto::from_feature_flags,
    format::{Codec as Format, CodecConfig, FormatParams},
    media::Frequency,
    rtp::{Extension, ExtensionMap, StreamTx},
};

/// What is thought of a connection's width before anything is known: one large picture and voices,
/// so that the first picture is there at once. Who has less is found out about, and sent less,
/// within a second; voices are never held back.
pub(crate) const ESTIMATE_FIRST_BPS: u64 = 2_000_000;
/// So many packets of pictures are kept to be sent again, for each stream: 2 s of the largest
/// layer.
const RESEND_PACKETS_MAX: usize = 300;
/// As long as they are kept at most, and which part of what is sent may be sent again: the figures
/// of the library itself.
const RESEND_FOR: Duration = Duration::from_secs(3);
const RESEND_SHARE: f32 = 0.15;
/// What a client reports of what it was sent is looked at this often: soon enough for a way that
/// becomes full, and seldom enough to cost little.
const REPORT_EVERY: Duration = Duration::from_millis(250);

/// The certificate of all connections of one start of the node.
#[derive(Clone)]
pub(crate) struct Certificate(DtlsCert);

impl Certificate {
    pub(crate) fn new() -> Option<Certificate> {
        from_feature_flags().dtls_provider.generate_certificate().map(Certificate)
    }
}

/// The library's connection. Those on which media are sent estimate how much the way to the client
/// carries.
pub(super) fn rtc(certificate: &Certificate, sends: bool, now: Instant) -> Rtc {
    let mut config = RtcConfig::new()
        .set_rtp_mode(true)
        .set_ice_lite(true)
        .set_dtls_cert(certificate.0.clone())
        .set_send_buffer_video(RESEND_PACKETS_MAX)
        .set_extension_map(if sends { sent_extensions() } else { received_extensions() });
    codecs(config.codec_config());
    if sends {
        config = config.enable_bwe(Some(Bitrate::bps(ESTIMATE_FIRST_BPS)));
        config = config.set_stats_interval(Some(REPORT_EVERY));
    }
    config.build(now)
}

/// What a stream has sent until now is not kept any longer.
pub(super) fn keep_nothing(stream: &mut StreamTx) {
    stream.set_rtx_cache(RESEND_PACKETS_MAX, RESEND_FOR, Some(RESEND_SHARE));
}

fn received_extensions() -> ExtensionMap {
    let mut map = ExtensionMap::standard();
    map.set(5, Extension::PlayoutDelay);
    map.set(6, Extension::AbsoluteCaptureTime);
    map
}

/// Only what is sent: each stands in every section, and the answer of a browser with 49 pictures
/// must fit into a frame.
fn sent_extensions() -> ExtensionMap {
    let mut map = ExtensionMap::empty();
    map.set(1, Extension::AudioLevel);
    map.set(3, Extension::TransportSequenceNumber);
    map.set(4, Extension::RtpMid);
    map.set(5, Extension::PlayoutDelay);
    // A receiver that knows it finds out how long it took; browsers do not until they are told to.
    map.set(6, Extension::AbsoluteCaptureTime);
    map.set(13, Extension::VideoOrientation);
    map
}

/// Opus, and VP8 before H264: what browsers take in that order.
fn codecs(config: &mut CodecConfig) {
    config.clear();
    let opus = FormatParams {
        min_p_time: Some(10),
        stereo: Some(true),
        sprop_stereo: Some(true),
        use_inband_fec: Some(true),
        use_dtx: Some(true),
        ..FormatParams::default()
    };
    let clock = Frequency::FORTY_EIGHT_KHZ;
    config.add_config(111.into(), None, Format::Opus, clock, Some(2), opus);
    config.enable_vp8(true);
    // Constrained baseline in packets that may be parts of a unit: what every browser has.
    config.add_h264(108.into(), Some(109.into()), true, 0x42_e01f);
}
