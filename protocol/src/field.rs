//! How single fields of arguments are read, where serde's own way would take too much or too
//! little: for `#[serde(deserialize_with = "…")]`.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::limits::INT_MAX;

/// An object by the names of its fields. A list would do as well otherwise, and would break as
/// soon as a field is inserted.
pub(crate) fn named<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Named<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Named<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object with named fields")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }

    deserializer.deserialize_map(Named(PhantomData))
}

/// What [`named`] reads, where it stands in a list or may be absent.
struct ByName<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for ByName<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        named(deserializer).map(ByName)
    }
}

/// A list of objects, each as [`named`] reads it; `null` means the same as no field.
pub(crate) fn named_list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let list: Option<Vec<ByName<T>>> = Option::deserialize(deserializer)?;
    Ok(list.unwrap_or_default().into_iter().map(|ByName(value)| value).collect())
}

/// An object as [`named`] reads it, or none.
pub(crate) fn named_or_none<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let value: Option<ByName<T>> = Option::deserialize(deserializer)?;
    Ok(value.map(|ByName(value)| value))
}

/// `null` means the same as no field: several languages write an empty list as `null`.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// `null` clears, no field leaves as it is: for what a change may take away.
pub(crate) fn nullable<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

/// An integer, an optional one or a list of them, none beyond [`INT_MAX`]: no client could hold
/// it, and the log could not either.
pub(crate) fn int<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Ints,
{
    let value = T::deserialize(deserializer)?;
    if value.fit() { Ok(value) } else { Err(de::Error::custom("expected at most 2^53 - 1")) }
}

/// What [`int`] can read.
pub(crate) trait Ints {
    /// Whether none is too large.
    fn fit(&self) -> bool;
}

impl Ints for u64 {
    fn fit(&self) -> bool {
        *self <= INT_MAX
    }
}

impl Ints for i64 {
    fn fit(&self) -> bool {
        self.unsigned_abs() <= INT_MAX
    }
}

impl<T: Ints> Ints for Option<T> {
    fn fit(&self) -> bool {
        self.as_ref().is_none_or(Ints::fit)
    }
}

impl<T: Ints> Ints for Vec<T> {
    fn fit(&self) -> bool {
        self.iter().all(Ints::fit)
    }
}
