//! Values in and out of a plugin's tables: the types that both engines share.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A value of a statement or a row. Booleans and times are integers, ids and topics are text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// Nothing.
    Null,
    /// BIGINT.
    Int(i64),
    /// DOUBLE PRECISION.
    Real(f64),
    /// TEXT.
    Text(String),
    /// In a statement: the `seq` of this transaction's i-th event.
    Seq(usize),
    /// In a statement: the `n` of this transaction's i-th event.
    N(usize),
    /// In a statement: the newest position in commit order, after this transaction's events.
    Pos,
}

macro_rules! from_int {
    ($($int:ty),+) => {$(
        impl From<$int> for Value {
            fn from(value: $int) -> Value {
                Value::Int(value as i64)
            }
        }
    )+};
}
from_int!(i64, u64, i32, u32, usize, bool);

impl From<&str> for Value {
    fn from(value: &str) -> Value {
        Value::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Value {
        Value::Text(value)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}

macro_rules! from_id {
    ($($id:ident),+) => {$(
        impl From<carillon_protocol::$id> for Value {
            fn from(id: carillon_protocol::$id) -> Value {
                Value::Text(id.to_string())
            }
        }
        impl FromValue for carillon_protocol::$id {
            fn from_value(value: &Value) -> Option<Self> {
                text(value)
            }
        }
    )+};
}
from_id!(DeadLetterId, UserId, OrgId, ConvId, EventId, DeviceId, SessionId, Cid, Topic);
from_id!(AttachmentId, DingId, DutyId, PolicyId, SeriesId);
from_id!(DepartmentId, RoleId, InviteId, RobotId, PollId, RoomId, ParticipantId, LinkId, RunId);

fn text<T: FromStr>(value: &Value) -> Option<T> {
    match value {
        Value::Text(text) => text.parse().ok(),
        _ => None,
    }
}

/// What can be read out of a row.
pub trait FromValue: Sized {
    /// The value as this type; `None` if it is of another one.
    fn from_value(value: &Value) -> Option<Self>;
}

impl FromValue for i64 {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Int(int) => Some(*int),
            _ => None,
        }
    }
}

impl FromValue for u64 {
    fn from_value(value: &Value) -> Option<Self> {
        i64::from_value(value).and_then(|int| u64::try_from(int).ok())
    }
}

impl FromValue for bool {
    fn from_value(value: &Value) -> Option<Self> {
        i64::from_value(value).map(|int| int != 0)
    }
}

impl FromValue for f64 {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Real(real) => Some(*real),
            _ => None,
        }
    }
}

impl FromValue for String {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

/// A row of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row(pub Vec<Value>);

impl Row {
    /// The column at this place, counted from 0.
    ///
    /// # Errors
    /// If there is none or it is of another type: the statement and the code disagree.
    pub fn get<T: FromValue>(&self, column: usize) -> Result<T> {
        self.0.get(column).and_then(T::from_value).ok_or_else(|| {
            // Without the row: it may hold what must not stand in a log.
            let wanted = std::any::type_name::<T>();
            let why = format!("column {column} of {} is not a {wanted}", self.0.len());
            Error::internal(std::io::Error::other(why))
        })
    }
}
