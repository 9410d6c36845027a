//! Servers that relay (TURN), and the names and passwords that people are given for them.
//!
//! coturn's way (`use-auth-secret`): the name says until when it holds and whose it is, and the
//! password is made of the name and of a secret that this node shares with the relays. So a relay
//! asks nobody, and what somebody passes on ends by itself.

use aws_lc_rs::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use carillon_protocol::{UserId, room::IceServer};

use crate::config::Rooms;

/// For how long a name holds, in seconds: longer than a meeting; who comes back gets another one.
const HOLDS_S: i64 = 12 * 3_600;

/// The relays of an installation.
pub(super) struct Relays {
    urls: Vec<String>,
    key: Option<Key>,
}

impl Relays {
    pub(super) fn of(rooms: &Rooms) -> Relays {
        let secret = rooms.relay_secret.as_ref().map(|secret| secret.as_str().as_bytes());
        let key = secret.map(|secret| Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret));
        Relays { urls: rooms.relays.iter().map(|relay| relay.as_str().to_owned()).collect(), key }
    }

    /// All of them, for this person.
    pub(super) fn of_user(&self, user: UserId, now: i64) -> Vec<IceServer> {
        let Some(key) = self.key.as_ref().filter(|_| !self.urls.is_empty()) else {
            return Vec::new();
        };
        let username = format!("{}:{user}", now / 1_000 + HOLDS_S);
        let credential = STANDARD.encode(sign(key, username.as_bytes()));
        let (username, credential) = (Some(username), Some(credential));
        vec![IceServer { urls: self.urls.clone(), username, credential }]
    }
}

#[cfg(test)]
mod tests {
    use carillon_protocol::id::Ulid;

    use super::*;

    #[test]
    fn a_password_is_what_coturn_makes_of_the_name_and_the_secret() {
        let mut rooms = Rooms {
            relays: vec!["turn:relay.example.org".to_owned().try_into().unwrap()],
            ..Rooms::default()
        };
        assert!(Relays::of(&rooms).of_user(UserId(Ulid(7)), 0).is_empty(), "without the secret");
        rooms.relay_secret = Some("north".to_owned().try_into().unwrap());
        let relays = Relays::of(&rooms).of_user(UserId(Ulid(7)), 1_790_000_000_123);
        let relay = &relays[0];
        assert_eq!(relay.urls, ["turn:relay.example.org"]);
        let username = relay.username.as_deref().unwrap();
        assert_eq!(username, format!("1790043200:{}", UserId(Ulid(7))));
        // As `printf NAME | openssl dgst -sha1 -hmac north -binary | base64` says.
        assert_eq!(relay.credential.as_deref(), Some("NIAjFSH58ujOJlTXrrq0BJ4wK8o="));
        assert_eq!(Relays::of(&Rooms::default()).of_user(UserId(Ulid(7)), 0), []);
    }
}
