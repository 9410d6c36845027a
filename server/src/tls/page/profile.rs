//! The certificate as an iPhone installs it: a configuration profile.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::tls::authority::hex;

const PROFILE: &str = include_str!("profile.plist");

/// A profile with this certificate. The ids follow from its fingerprint, so that installing it
/// twice leaves one.
pub(super) fn of(der: &[u8], fingerprint: &[u8; 32]) -> String {
    let (outer, inner) = fingerprint.split_at(16);
    PROFILE
        .replace("{outer}", &uuid(outer))
        .replace("{inner}", &uuid(inner))
        .replace("{certificate}", &STANDARD.encode(der))
}

/// Sixteen bytes as a UUID of the free kind (RFC 9562, version 8).
fn uuid(bytes: &[u8]) -> String {
    let mut hex = hex(bytes, "");
    hex.replace_range(12..13, "8");
    hex.replace_range(16..17, "8");
    for dash in [8, 13, 18, 23] {
        hex.insert(dash, '-');
    }
    hex
}
