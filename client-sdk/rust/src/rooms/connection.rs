//! One connection of WebRTC. This and the files of those who send and receive are all that know
//! the library.

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::Arc,
    time::Duration,
};

use carillon_protocol::room::IceServer;
use rtc::{
    ice::mdns::MulticastDnsMode,
    interceptor::{Attribute, Interceptor, Packet, Slot, StreamInfo, TaggedPacket},
    peer_connection::configuration::media_engine::{MIME_TYPE_OPUS, MIME_TYPE_VP8},
    rtcp::payload_feedbacks::{
        full_intra_request::FullIntraRequest, picture_loss_indication::PictureLossIndication,
    },
    rtp_transceiver::rtp_sender::{
        RTCRtpCodec, RTCRtpCodecParameters, RTCRtpHeaderExtensionCapability, RtpCodecKind,
    },
    sansio::Protocol,
};
use tokio::sync::{Notify, mpsc, watch};
use webrtc::{
    media_stream::track_remote::TrackRemote,
    peer_connection::{
        MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler,
        RTCConfigurationBuilder, RTCIceServer, RTCPeerConnectionState, RTCSessionDescription,
        Registry, SettingEngineBuilder, StatsSelector, register_default_interceptors,
    },
};

use crate::{Error, clock::instant};

pub(super) use webrtc::peer_connection::RTCPeerConnectionState as State;

/// Nothing was heard of the server for so long: the client joins again, which costs little.
const SILENT: Duration = Duration::from_secs(3);
/// The library gives up by itself.
const FAILED: Duration = Duration::from_secs(10);
/// How often the path is checked.
const CHECKED: Duration = Duration::from_millis(500);
/// Remote tracks whose first packet came and that nobody has taken yet: more than a connection
/// has slots.
const TRACKS_MAX: usize = 128;

pub(super) const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";

pub(super) type Tracks = mpsc::Receiver<Arc<dyn TrackRemote>>;

/// A connection and how it is.
#[derive(Clone)]
pub(super) struct Connection {
    pub peer: Arc<Peer>,
    pub state: watch::Receiver<State>,
}

impl Connection {
    /// A connection from these addresses of the machine, and the tracks that come over it;
    /// `changed` is told whenever its state is another one.
    pub async fn open(
        addresses: &[IpAddr],
        relays: &[IceServer],
        changed: &Arc<Notify>,
    ) -> Result<(Connection, Tracks), Error> {
        let mut engine = media_engine()?;
        let registry =
            register_default_interceptors(Registry::new(), &mut engine).map_err(media)?;
        // Behind all that act on what the server asks for.
        let registry = registry.with(Slot::from(20_000), KeyFrameRequests::default());
        let mut settings = SettingEngineBuilder::new()
            .with_multicast_dns_mode(MulticastDnsMode::Disabled)
            .with_ice_timeouts(Some(SILENT), Some(FAILED), Some(CHECKED));
        if addresses.iter().any(IpAddr::is_loopback) {
            settings = settings.with_include_loopback_candidate(true);
        }
        let (is, state) = watch::channel(State::New);
        let changed = Arc::clone(changed);
        let (found, tracks) = mpsc::channel(TRACKS_MAX);
        let sockets: Vec<SocketAddr> =
            addresses.iter().map(|address| SocketAddr::new(*address, 0)).collect();
        let relays = relays.iter().map(|it| RTCIceServer {
            urls: it.urls.clone(),
            username: it.username.clone().unwrap_or_default(),
            credential: it.credential.clone().unwrap_or_default(),
        });
        let configuration =
            RTCConfigurationBuilder::new().with_ice_servers(relays.collect()).build();
        let peer = PeerConnectionBuilder::new()
            .with_configuration(configuration)
            .with_media_engine(engine)
            .with_setting_engine(settings.build())
            .with_interceptor_registry(registry)
            .with_handler(Arc::new(Ears { is, changed, found }))
            .with_udp_addrs(sockets)
            .build();
        let peer = Arc::new(Peer(Arc::new(peer.await.map_err(media)?)));
        Ok((Connection { peer, state }, tracks))
    }

    /// What the server is told of what is sent.
    pub async fn offer(&self) -> Result<String, Error> {
        let offer = self.peer.create_offer(None).await.map_err(media)?;
        let sdp = offer.sdp.clone();
        self.peer.set_local_description(offer).await.map_err(media)?;
        Ok(sdp)
    }

    /// The server's answer to that.
    pub async fn answered(&self, sdp: String) -> Result<(), Error> {
        let answer = RTCSessionDescription::answer(sdp).map_err(media)?;
        self.peer.set_remote_description(answer).await.map_err(media)
    }

    /// The answer to what the server offers.
    pub async fn answer(&self, sdp: String) -> Result<String, Error> {
        let offer = RTCSessionDescription::offer(sdp).map_err(media)?;
        self.peer.set_remote_description(offer).await.map_err(media)?;
        let answer = self.peer.create_answer(None).await.map_err(media)?;
        let sdp = answer.sdp.clone();
        self.peer.set_local_description(answer).await.map_err(media)?;
        Ok(sdp)
    }

    /// The time to the server and back, once it was measured.
    pub async fn round_trip(&self) -> Option<Duration> {
        let report = self.peer.get_stats(instant().into_std(), StatsSelector::None).await;
        let trips = report.candidate_pairs().map(|pair| pair.current_round_trip_time);
        let shortest = trips.filter(|trip| *trip > 0.0).min_by(f64::total_cmp)?;
        Duration::try_from_secs_f64(shortest).ok()
    }

    pub async fn close(&self) {
        if let Err(error) = self.peer.close().await {
            tracing::debug!(%error, "a media connection did not end in good order");
        }
    }
}

/// The library's connection, which would go on by itself if nobody closed it.
pub(super) struct Peer(Arc<dyn PeerConnection>);

impl std::ops::Deref for Peer {
    type Target = dyn PeerConnection;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let peer = Arc::clone(&self.0);
        // Without a runtime nothing of it runs any more.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if let Err(error) = peer.close().await {
                    tracing::debug!(%error, "a media connection did not end in good order");
                }
            });
        }
    }
}

/// Whether a connection is to be made anew.
pub(super) fn is_gone(state: State) -> bool {
    matches!(state, State::Disconnected | State::Failed | State::Closed)
}

pub(super) fn media(error: impl std::fmt::Display) -> Error {
    Error::Media(error.to_string())
}

/// The addresses of this machine from which the server's candidates are reached.
pub(super) fn addresses(offer: &str) -> Vec<IpAddr> {
    let mut own = Vec::new();
    for line in offer.lines() {
        let Some(candidate) = line.strip_prefix("a=candidate:") else { continue };
        let words: Vec<&str> = candidate.split_whitespace().collect();
        let [_, _, _, _, ip, port, ..] = words[..] else { continue };
        let (Ok(ip), Ok(port)) = (ip.parse::<IpAddr>(), port.parse::<u16>()) else { continue };
        match towards(SocketAddr::new(ip, port)) {
            Ok(address) if !own.contains(&address) => own.push(address),
            Ok(_) => {}
            Err(error) => tracing::debug!(%ip, %error, "no way to an address of the server"),
        }
    }
    own
}

/// The address that this machine would send from. Nothing is sent.
fn towards(server: SocketAddr) -> std::io::Result<IpAddr> {
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => ([0; 4], 0).into(),
        SocketAddr::V6(_) => ([0_u16; 8], 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(server)?;
    Ok(socket.local_addr()?.ip())
}

fn media_engine() -> Result<MediaEngine, Error> {
    let codec = |mime: &str, clock_rate, channels, fmtp: &str, payload_type| {
        let (mime_type, sdp_fmtp_line) = (mime.to_owned(), fmtp.to_owned());
        let rtcp_feedback = Vec::new();
        RTCRtpCodecParameters {
            rtp_codec: RTCRtpCodec {
                mime_type,
                clock_rate,
                channels,
                sdp_fmtp_line,
                rtcp_feedback,
            },
            payload_type,
        }
    };
    let opus = codec(MIME_TYPE_OPUS, 48_000, 2, "minptime=10;useinbandfec=1;usedtx=1", 111);
    let mut engine = MediaEngine::default();
    engine.register_codec(opus, RtpCodecKind::Audio).map_err(media)?;
    for (mime, fmtp, payload) in [(MIME_TYPE_VP8, "", 96), ("video/rtx", "apt=96", 97)] {
        let codec = codec(mime, 90_000, 0, fmtp, payload);
        engine.register_codec(codec, RtpCodecKind::Video).map_err(media)?;
    }
    let level = RTCRtpHeaderExtensionCapability { uri: AUDIO_LEVEL.to_owned() };
    engine.register_header_extension(level, RtpCodecKind::Audio, None).map_err(media)?;
    Ok(engine)
}

/// Passes on what a connection comes to.
struct Ears {
    is: watch::Sender<State>,
    changed: Arc<Notify>,
    found: mpsc::Sender<Arc<dyn TrackRemote>>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Ears {
    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.is.send_replace(state);
        self.changed.notify_one();
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        if self.found.try_send(track).is_err() {
            tracing::debug!("a track came that nobody takes");
        }
    }
}

/// Hands requests for key frames to the track that they are for; other reports end before it.
#[derive(Default)]
struct KeyFrameRequests {
    read: std::collections::VecDeque<TaggedPacket>,
    write: std::collections::VecDeque<TaggedPacket>,
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for KeyFrameRequests {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = rtc::shared::error::Error;
    type Time = std::time::Instant;

    fn handle_read(&mut self, mut message: TaggedPacket) -> Result<(), Self::Error> {
        if let Packet::Rtcp(packets) = &mut message.message.packet {
            packets.retain(|packet| {
                let packet = packet.as_any();
                packet.is::<PictureLossIndication>() || packet.is::<FullIntraRequest>()
            });
            if packets.is_empty() {
                return Ok(());
            }
            message.message.add(Attribute::DeliverToApplication);
        }
        self.read.push_back(message);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.read.pop_front()
    }

    fn handle_write(&mut self, message: TaggedPacket) -> Result<(), Self::Error> {
        self.write.push_back(message);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.write.pop_front()
    }
}

impl Interceptor for KeyFrameRequests {
    fn bind_local_stream(&mut self, _: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_connection_that_nobody_closes_gives_its_ports_back() {
        let own = [IpAddr::from([127, 0, 0, 1])];
        let (connection, tracks) =
            Connection::open(&own, &[], &Arc::new(Notify::new())).await.unwrap();
        let init = None;
        connection.peer.add_transceiver_from_kind(RtpCodecKind::Audio, init).await.unwrap();
        connection.offer().await.unwrap();
        let port = timeout(Duration::from_secs(30), async {
            loop {
                let described = connection.peer.local_description().await.unwrap();
                let port = described.sdp.lines().find_map(|line| {
                    line.strip_prefix("a=candidate:")?.split(' ').nth(5)?.parse::<u16>().ok()
                });
                match port {
                    Some(port) => return port,
                    None => tokio::task::yield_now().await,
                }
            }
        });
        let at = SocketAddr::new(own[0], port.await.expect("it has a candidate"));
        assert!(UdpSocket::bind(at).is_err(), "it is in use");
        drop((connection, tracks));
        let free = async {
            while UdpSocket::bind(at).is_err() {
                tokio::task::yield_now().await
            }
        };
        timeout(Duration::from_secs(30), free).await.expect("it is given back");
    }

    #[test]
    fn the_machines_address_follows_from_the_servers() {
        let offer = "v=0\r\na=candidate:1 1 udp 2130706431 127.0.0.1 5000 typ host\r\n\
                     a=candidate:2 1 udp 1 127.0.0.1 5001 typ host\r\na=candidate:broken\r\n";
        assert_eq!(addresses(offer), [IpAddr::from([127, 0, 0, 1])]);
        assert!(addresses("v=0\r\n").is_empty());
    }
}
