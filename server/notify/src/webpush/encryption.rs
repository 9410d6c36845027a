//! The body of a message that only its receiver can read: RFC 8291, which is RFC 8188 with a key
//! agreed upon over P-256.

use aws_lc_rs::{
    aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree},
    error::Unspecified,
    hkdf::{HKDF_SHA256, KeyType, Salt},
};

/// The longest text that fits: push services take bodies of 4,096 bytes (RFC 8030 7.2), of which
/// the header, the mark of the last record and the tag take 103.
pub const TEXT_LEN_MAX: usize = BODY_LEN_MAX - HEADER_LEN - POINT_LEN - 1 - TAG_LEN;
const BODY_LEN_MAX: usize = 4096;
/// A salt, the size of a record, the length of a key's name.
const HEADER_LEN: usize = SALT_LEN + 4 + 1;
/// A point on P-256, not compressed.
pub(super) const POINT_LEN: usize = 65;
/// The secret that a receiver shares with whom it lets send.
pub(super) const SECRET_LEN: usize = 16;
pub(super) const SALT_LEN: usize = 16;
const TAG_LEN: usize = 16;
const KEY_LEN: usize = 16;
/// The size of a record: there is only one, so it is the most that a body may have.
const RECORD_LEN: u32 = 4096;
/// What ends the text of the last record (RFC 8188 2).
const LAST: u8 = 2;

/// How many bytes a derived secret has.
struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// Encrypts for the holder of `receiver`'s private key. `own` is used for this message only.
///
/// # Errors
/// When `receiver` is not a point on the curve.
pub(super) fn encrypt(
    text: &[u8],
    receiver: &[u8; POINT_LEN],
    secret: &[u8; SECRET_LEN],
    own: &PrivateKey,
    salt: &[u8; SALT_LEN],
) -> Result<Vec<u8>, Unspecified> {
    let public = own.compute_public_key()?;
    let theirs = UnparsedPublicKey::new(&ECDH_P256, receiver);
    let mut material = [0; 32];
    agree(own, theirs, Unspecified, |shared| {
        let info: [&[u8]; 3] = [b"WebPush: info\0", receiver, public.as_ref()];
        derive(secret, shared, &info, &mut material)
    })?;
    aes128gcm(text, &material, public.as_ref(), salt)
}

/// RFC 8188: the header, and one record.
fn aes128gcm(
    text: &[u8],
    material: &[u8],
    key_name: &[u8],
    salt: &[u8; SALT_LEN],
) -> Result<Vec<u8>, Unspecified> {
    let (mut key, mut nonce) = ([0; KEY_LEN], [0; NONCE_LEN]);
    derive(salt, material, &[b"Content-Encoding: aes128gcm\0"], &mut key)?;
    derive(salt, material, &[b"Content-Encoding: nonce\0"], &mut nonce)?;
    let mut record = [text, &[LAST]].concat();
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key)?);
    // Key and nonce come from a salt that is used once. The nonce of the first record is this one.
    let nonce = Nonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(nonce, Aad::empty(), &mut record)?;
    let name_len = u8::try_from(key_name.len()).map_err(|_| Unspecified)?;
    Ok([salt.as_slice(), &RECORD_LEN.to_be_bytes(), &[name_len], key_name, &record].concat())
}

/// HKDF with SHA-256.
fn derive(salt: &[u8], material: &[u8], info: &[&[u8]], to: &mut [u8]) -> Result<(), Unspecified> {
    let extracted = Salt::new(HKDF_SHA256, salt).extract(material);
    extracted.expand(info, Length(to.len()))?.fill(to)
}

#[cfg(test)]
mod tests {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    fn array<const N: usize>(text: &str) -> [u8; N] {
        bytes(text).try_into().unwrap()
    }

    /// RFC 8188 3.1.
    #[test]
    fn the_walrus_of_rfc_8188_comes_out() {
        let (material, salt) = (bytes("yqdlZ-tYemfogSmv7Ws5PQ"), array("I1BsxtFttlv3u_Oo94xnmw"));
        let mut key = [0; KEY_LEN];
        derive(&salt, &material, &[b"Content-Encoding: aes128gcm\0"], &mut key).unwrap();
        assert_eq!(key.as_slice(), bytes("_wniytB-ofscZDh4tbSjHw"));
        let mut nonce = [0; NONCE_LEN];
        derive(&salt, &material, &[b"Content-Encoding: nonce\0"], &mut nonce).unwrap();
        assert_eq!(nonce.as_slice(), bytes("Bcs8gkIRKLI8GeI8"));
        let body = aes128gcm(b"I am the walrus", &material, b"", &salt).unwrap();
        assert_eq!(
            body,
            bytes("I1BsxtFttlv3u_Oo94xnmwAAEAAA-NAVub2qFgBEuQKRapoZu-IxkIva3MEB1PD-ly8Thjg")
        );
    }

    /// RFC 8291 5 and appendix A.
    #[test]
    fn the_watermelon_of_rfc_8291_comes_out() {
        let receiver = array(
            "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcx\
             aOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        );
        let secret = array("BTBZMqHH6r4Tts7J_aSIgg");
        let own = bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw");
        let own = PrivateKey::from_private_key(&ECDH_P256, &own).unwrap();
        let public = own.compute_public_key().unwrap();
        assert_eq!(
            public.as_ref(),
            bytes(
                "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIg\
                 Dll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"
            )
        );
        let text = b"When I grow up, I want to be a watermelon";
        let salt = array("DGv6ra1nlYgDCS1FRnbzlw");
        let body = encrypt(text, &receiver, &secret, &own, &salt).unwrap();
        assert_eq!(
            body,
            bytes(
                "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27ml\
                 mlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT\
                 pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
            )
        );
    }

    #[test]
    fn the_longest_text_fits_into_the_longest_body_and_no_longer_one_does() {
        let own = PrivateKey::generate(&ECDH_P256).unwrap();
        let receiver = PrivateKey::generate(&ECDH_P256).unwrap().compute_public_key().unwrap();
        let receiver = receiver.as_ref().try_into().unwrap();
        let text = vec![b'x'; TEXT_LEN_MAX];
        let body = encrypt(&text, &receiver, &[1; 16], &own, &[2; 16]).unwrap();
        assert_eq!((body.len(), TEXT_LEN_MAX), (BODY_LEN_MAX, 3993));
    }

    #[test]
    fn a_point_that_is_not_on_the_curve_is_refused() {
        let own = PrivateKey::generate(&ECDH_P256).unwrap();
        let mut point = [1; POINT_LEN];
        point[0] = 4;
        assert!(encrypt(b"x", &point, &[1; 16], &own, &[2; 16]).is_err());
    }
}
