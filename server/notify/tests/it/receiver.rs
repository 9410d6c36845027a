//! The other end of web push: a browser that decrypts, written against RFC 8188 and RFC 8291 and
//! with other primitives than the code under test (HMAC in place of HKDF).

use aws_lc_rs::{
    aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree},
    hmac, rand,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

/// A browser that has subscribed.
pub struct Receiver {
    private: PrivateKey,
    public: Vec<u8>,
    secret: [u8; 16],
}

impl Receiver {
    pub fn new() -> Receiver {
        let private = PrivateKey::generate(&ECDH_P256).unwrap();
        let mut secret = [0; 16];
        rand::fill(&mut secret).unwrap();
        Receiver::with(private, secret)
    }

    pub fn with(private: PrivateKey, secret: [u8; 16]) -> Receiver {
        let public = private.compute_public_key().unwrap().as_ref().to_vec();
        Receiver { private, public, secret }
    }

    /// `p256dh` and `auth`, as a browser writes them.
    pub fn keys(&self) -> (String, String) {
        (text(&self.public), text(&self.secret))
    }

    /// What a body says to this browser.
    pub fn decrypt(&self, body: &[u8]) -> Option<Vec<u8>> {
        let theirs = body.get(21..86)?;
        let shared =
            agree(&self.private, UnparsedPublicKey::new(&ECDH_P256, theirs), (), |shared| {
                Ok(shared.to_vec())
            });
        let info = [b"WebPush: info\0", self.public.as_slice(), theirs].concat();
        let material = hkdf(&self.secret, &shared.ok()?, &info, 32);
        decode(&material, body)
    }
}

pub fn text(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

pub fn bytes(text: &str) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()
}

fn sign(key: &[u8], data: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data).as_ref().to_vec()
}

/// RFC 5869, for at most one block.
fn hkdf(salt: &[u8], material: &[u8], info: &[u8], length: usize) -> Vec<u8> {
    let mut block = sign(&sign(salt, material), &[info, &[1]].concat());
    block.truncate(length);
    block
}

/// RFC 8188: any number of records.
pub fn decode(material: &[u8], body: &[u8]) -> Option<Vec<u8>> {
    let (salt, rest) = body.split_at_checked(16)?;
    let (size, rest) = rest.split_at_checked(4)?;
    let size = u32::from_be_bytes(size.try_into().ok()?) as usize;
    let (name, records) = rest.get(1..)?.split_at_checked(usize::from(rest[0]))?;
    assert!(name.len() < 256 && size >= 18 && !records.is_empty());
    let key = hkdf(salt, material, b"Content-Encoding: aes128gcm\0", 16);
    let base = hkdf(salt, material, b"Content-Encoding: nonce\0", 12);
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).unwrap());
    let count = records.chunks(size).count();
    let mut whole = Vec::new();
    for (i, record) in records.chunks(size).enumerate() {
        let mut nonce: [u8; 12] = base.as_slice().try_into().unwrap();
        for (byte, sequence) in nonce[4..].iter_mut().zip((i as u64).to_be_bytes()) {
            *byte ^= sequence;
        }
        let mut record = record.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let opened = key.open_in_place(nonce, Aad::empty(), &mut record).ok()?;
        let end = opened.iter().rposition(|byte| *byte != 0)?;
        assert_eq!(opened[end], if i + 1 == count { 2 } else { 1 }, "the mark of record {i}");
        whole.extend_from_slice(&opened[..end]);
    }
    Some(whole)
}
