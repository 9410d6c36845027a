//! The log as it lies in the database, read by the database's own shell: nothing of the server is
//! between.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    process::{Command, Stdio},
};

use carillon_protocol::{Cid, EventId, Json, OrgId, Topic, UserId, id::Ulid};
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::fleet::Failed;

const SQLITE: &str = "SELECT json_object(
    'pos', e.pos, 'topic', t.name, 'org', hex(t.org), 'seq', e.seq, 'n', e.n,
    'counts', e.counts, 'k', e.k, 'id', hex(e.id), 'by', hex(a.user), 'cid', hex(e.cid),
    'data', e.data)
  FROM event e JOIN topic t ON t.id = e.topic JOIN author a ON a.id = e.by_id ORDER BY e.pos";
const POSTGRES: &str = "SELECT json_build_object(
    'pos', e.pos, 'topic', t.name, 'org', encode(t.org, 'hex'), 'seq', e.seq, 'n', e.n,
    'counts', e.counts::int, 'k', e.k, 'id', encode(e.id, 'hex'), 'by', encode(a.\"user\", 'hex'),
    'cid', coalesce(encode(e.cid, 'hex'), ''), 'data', e.data)
  FROM event e JOIN topic t ON t.id = e.topic JOIN author a ON a.id = e.by_id ORDER BY e.pos";

/// An event as it lies in the database: a line of a dump.
#[derive(Debug, Clone, Deserialize)]
pub struct Logged {
    /// The position in the order of commits.
    pub pos: u64,
    /// Where.
    pub topic: Topic,
    /// Whose topic that is.
    #[serde(deserialize_with = "hex::id")]
    pub org: OrgId,
    /// The position in the topic.
    pub seq: u64,
    /// The count of what is worth a badge.
    pub n: u64,
    /// 1 if it is worth one.
    pub counts: u64,
    /// What happened.
    pub k: String,
    /// The event's own id.
    #[serde(deserialize_with = "hex::id")]
    pub id: EventId,
    /// Who caused it.
    #[serde(deserialize_with = "hex::id")]
    pub by: UserId,
    /// The intent.
    #[serde(deserialize_with = "hex::id")]
    pub cid: Option<Cid>,
    /// The rest, as a text of JSON.
    #[serde(deserialize_with = "data")]
    pub data: Json,
}

fn data<'de, D: Deserializer<'de>>(text: D) -> Result<Json, D::Error> {
    Json::parse(&String::deserialize(text)?).map_err(D::Error::custom)
}

/// Ids as the hexadecimal digits that both databases print; none is the empty text.
mod hex {
    use super::*;

    pub trait Id: Sized {
        fn of(number: Option<u128>) -> Option<Self>;
    }

    macro_rules! ids {
        ($($name:ident)+) => {$(
            impl Id for $name {
                fn of(number: Option<u128>) -> Option<Self> {
                    Some($name(Ulid(number?)))
                }
            }
        )+};
    }
    ids! { OrgId EventId UserId }

    impl Id for Option<Cid> {
        fn of(number: Option<u128>) -> Option<Self> {
            Some(number.map(|number| Cid(Ulid(number))))
        }
    }

    pub fn id<'de, T: Id, D: Deserializer<'de>>(digits: D) -> Result<T, D::Error> {
        let digits = String::deserialize(digits)?;
        let number = match &*digits {
            "" => None,
            _ => Some(u128::from_str_radix(&digits, 16).map_err(D::Error::custom)?),
        };
        T::of(number).ok_or_else(|| D::Error::custom("an id is missing"))
    }
}

/// Writes every event of the database to a file. `database` is a `postgres://` address, or the
/// path of a file of SQLite.
pub fn dump(database: &str, out: &Path) -> Result<(), Failed> {
    let mut command = if database.starts_with("postgres") {
        let mut psql = Command::new("psql");
        psql.args(["--no-psqlrc", "--tuples-only", "--no-align", "--quiet"]);
        psql.args(["--set=ON_ERROR_STOP=1", "--command", POSTGRES, database]);
        psql
    } else {
        let mut sqlite = Command::new("sqlite3");
        sqlite.args(["-readonly", "-batch", "-bail", database, SQLITE]);
        sqlite
    };
    let name = command.get_program().to_string_lossy().into_owned();
    let none = |error: io::Error| Failed::Usage(format!("{name} cannot be run: {error}"));
    let output = command.stderr(Stdio::piped()).output().map_err(none)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(Failed::Usage(format!("{name} does not read {database}: {said}")));
    }
    Ok(File::create(out)?.write_all(&output.stdout)?)
}
