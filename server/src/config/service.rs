//! The settings `database` and `redis`: addresses of servers, which may have passwords in them.

use std::fmt;

use carillon_store::without_password;
use serde::{Deserialize, Serialize, Serializer};

/// The address of a service with the way to it in front; shown without its password.
#[derive(Clone, PartialEq, Eq)]
struct Address(String);

impl Address {
    fn of(text: String, schemes: &[&str]) -> Option<Address> {
        let (scheme, rest) = text.split_once("://")?;
        (schemes.contains(&scheme) && !rest.is_empty()).then_some(Address(text))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_password(&self.0))
    }
}

/// Declares a setting that is an address of one of these schemes.
macro_rules! address {
    ($(#[doc = $doc:literal])+ $name:ident: $schemes:expr, $expected:literal) => {
        $(#[doc = $doc])+
        #[derive(Clone, PartialEq, Eq, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(Address);

        impl $name {
            /// The whole of it, for who connects.
            pub fn as_str(&self) -> &str {
                &self.0.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = &'static str;

            fn try_from(text: String) -> Result<$name, Self::Error> {
                Address::of(text, &$schemes).map($name).ok_or($expected)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0.to_string())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&self.0)
            }
        }
    };
}

address! {
    /// Where PostgreSQL is.
    Database: ["postgres", "postgresql"], "expected postgres:// with a host and a database"
}
address! {
    /// Where Redis is.
    Redis: [
        "redis", "rediss", "redis-cluster", "rediss-cluster", "redis-sentinel", "rediss-sentinel",
    ], "expected redis:// with a host, or rediss://, redis-cluster://, redis-sentinel://"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        for (text, shown) in [
            ("postgres://bell:se@cr:et@db.example/bell", "postgres://bell:***@db.example/bell"),
            ("postgres://db.example/bell", "postgres://db.example/bell"),
            ("postgresql://bell@db.example/bell", "postgresql://bell@db.example/bell"),
            ("postgres:///bell?host=/run&user=u&password=secret", "postgres:///bell"),
            ("postgres://bell:se/cret@db.example/bell", "postgres://***"),
            ("postgres://bell:se?cret@db.example/bell", "postgres://***"),
            ("postgres://bell:se#cret@db.example/bell", "postgres://***"),
        ] {
            let address = Database::try_from(text.to_owned()).unwrap();
            assert_eq!(address.to_string(), shown);
            assert_eq!(format!("{address:?}"), format!("{shown:?}"));
            assert_eq!(serde_json::to_value(&address).unwrap(), shown);
            assert_eq!(address.as_str(), text);
        }
    }

    #[test]
    fn an_address_of_something_else_is_refused() {
        for text in ["mysql://db", "postgres://", "carillon.db", "redis://cache"] {
            assert!(Database::try_from(text.to_owned()).is_err(), "{text}");
        }
        assert!(Redis::try_from("postgres://db/bell".to_owned()).is_err());
        assert!(Redis::try_from("rediss://:secret@cache:6380".to_owned()).is_ok());
    }
}
