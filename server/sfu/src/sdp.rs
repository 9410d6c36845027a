//! What is looked at in a client's description, and its candidates, before the library sees them.

use std::collections::HashSet;

use carillon_plugin::{Error, Result};
use carillon_protocol::{
    limits::{CANDIDATE_LEN_MAX, SDP_LEN_MAX},
    room::Sent,
};

/// The most media sections that a client may offer: four that it can send, and some that it has
/// stopped.
const SECTIONS_MAX: usize = 16;
/// The fewest parts of a candidate (RFC 8839 5.1): foundation, component, transport, priority,
/// address, port, `typ` and the type.
const CANDIDATE_PARTS_MIN: usize = 8;

/// A description without its candidates. A server that is "lite" answers to where checks come
/// from; addresses that are only claimed are of no use to it.
pub(crate) fn without_candidates(sdp: &str) -> String {
    let kept = sdp.lines().filter(|line| !line.starts_with("a=candidate:"));
    let mut text = String::with_capacity(sdp.len());
    for line in kept {
        text.push_str(line.trim_end());
        text.push_str("\r\n");
    }
    text
}

/// What identifies the other end of a connection: another one means another connection.
pub(crate) fn fingerprint(sdp: &str) -> Option<String> {
    let line = sdp.lines().find_map(|line| line.strip_prefix("a=fingerprint:"))?;
    Some(line.trim().to_ascii_lowercase())
}

/// The names of the media sections, in their order.
pub(crate) fn mids(sdp: &str) -> Vec<&str> {
    sdp.lines().filter_map(|line| line.strip_prefix("a=mid:")).map(str::trim_end).collect()
}

/// The streams that are named.
pub(crate) fn streams(sdp: &str) -> HashSet<u32> {
    let lines = sdp.lines().filter_map(|line| line.strip_prefix("a=ssrc:"));
    lines.filter_map(|line| line.split(' ').next()?.parse().ok()).collect()
}

/// Whether a client's offer is one that a participant can make.
pub(crate) fn check_offer(sdp: &str, sends: &[Sent]) -> Result<()> {
    check(sdp)?;
    let mut sections = sdp.lines().filter_map(|line| line.strip_prefix("m="));
    if sections.clone().count() > SECTIONS_MAX {
        return Err(Error::bad_arg("sdp", "offer one section for each source"));
    }
    if !sections.all(|kind| kind.starts_with("audio ") || kind.starts_with("video ")) {
        return Err(Error::bad_arg("sdp", "offer sections of audio and video only"));
    }
    let mids = mids(sdp);
    for (i, sent) in sends.iter().enumerate() {
        if !mids.contains(&sent.mid.as_str()) {
            return Err(Error::bad_arg("sends", "name media sections of the description"));
        }
        let again = |other: &Sent| other.mid == sent.mid || other.source == sent.source;
        if sends[..i].iter().any(again) {
            return Err(Error::bad_arg("sends", "name each section and each source once"));
        }
    }
    Ok(())
}

/// Whether this can be a description at all.
pub(crate) fn check(sdp: &str) -> Result<()> {
    if sdp.len() > SDP_LEN_MAX {
        return Err(Error::too_large("sdp", format!("send at most {SDP_LEN_MAX} bytes")));
    }
    if !sdp.starts_with("v=0") {
        return Err(Error::bad_arg("sdp", "send a session description of RFC 8866"));
    }
    Ok(())
}

/// Whether this is a candidate. It is not used beyond that: see [`without_candidates`].
pub(crate) fn check_candidate(candidate: &str) -> Result<()> {
    let bad = || Error::bad_arg("candidate", "send a candidate of RFC 8839");
    if candidate.len() > CANDIDATE_LEN_MAX {
        return Err(bad());
    }
    let candidate = candidate.strip_prefix("a=").unwrap_or(candidate);
    let parts = candidate.strip_prefix("candidate:").ok_or_else(bad)?;
    let parts: Vec<&str> = parts.split(' ').collect();
    let known = parts.len() >= CANDIDATE_PARTS_MIN
        && parts[1].parse::<u16>().is_ok()
        && ["udp", "tcp"].contains(&parts[2].to_ascii_lowercase().as_str())
        && parts[3].parse::<u32>().is_ok()
        && !parts[4].is_empty()
        && parts[5].parse::<u16>().is_ok()
        && parts[6] == "typ"
        && ["host", "srflx", "prflx", "relay"].contains(&parts[7]);
    if known { Ok(()) } else { Err(bad()) }
}

#[cfg(test)]
mod tests {
    use carillon_protocol::room::Source;

    use super::*;

    const SDP: &str = "v=0\r\na=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n\
        a=mid:0\r\na=candidate:1 1 UDP 2130706431 192.0.2.1 9 typ host\r\nm=video 9 x 96\r\n\
        a=fingerprint:sha-256 AB:CD\r\na=mid:1\r\n";

    fn sent(mid: &str, source: Source) -> Sent {
        Sent { mid: mid.into(), source }
    }

    #[test]
    fn what_a_client_claims_of_its_addresses_is_not_used() {
        let text = without_candidates(SDP);
        assert!(!text.contains("candidate") && text.contains("a=mid:0\r\nm=video"), "{text}");
        assert_eq!(fingerprint(SDP).as_deref(), Some("sha-256 ab:cd"));
        assert_eq!(mids(SDP), ["0", "1"]);
    }

    #[test]
    fn each_section_carries_one_source_and_each_source_is_carried_once() {
        let (voice, face) = (Source::Microphone, Source::Camera);
        let field = |sends: &[Sent]| check_offer(SDP, sends).map_err(|e| e.body().field.clone());
        assert_eq!(field(&[sent("0", voice), sent("1", face)]), Ok(()));
        for bad in [
            vec![sent("2", voice)],
            vec![sent("0", voice), sent("0", face)],
            vec![sent("0", voice), sent("1", voice)],
        ] {
            assert_eq!(field(&bad), Err(Some("sends".to_owned())));
        }
    }

    #[test]
    fn an_offer_has_few_sections_and_all_are_heard_or_seen() {
        let with = |more: &str| check_offer(&format!("{SDP}{more}"), &[]);
        assert!(with("m=video 0 x 96\r\n").is_ok());
        assert!(with("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n").is_err());
        assert!(with(&"m=audio 9 x 111\r\n".repeat(SECTIONS_MAX)).is_err());
    }

    #[test]
    fn a_candidate_is_one_or_is_refused() {
        for good in [
            "candidate:842163049 1 udp 1677729535 203.0.113.7 9 typ srflx raddr 0.0.0.0 rport 0",
            "candidate:1 1 UDP 1 4e8f-a1.local 50000 typ host",
            "candidate:1 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active",
        ] {
            assert!(check_candidate(good).is_ok(), "{good}");
        }
        for bad in
            ["", "candidate:", "candidate:1 1 udp x 192.0.2.1 9 typ host", "x".repeat(600).as_str()]
        {
            assert!(check_candidate(bad).is_err(), "{bad}");
        }
    }
}
