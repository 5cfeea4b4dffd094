//! Rows within a change: their keys, and their records with their versions.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use crate::codec::Record;

#[derive(Serialize, Deserialize)]
#[serde(bound(
    serialize = "K: Serialize, R: Record",
    deserialize = "K: Deserialize<'de>, R: Record"
))]
pub(crate) struct Embedded<K, R> {
    pub(crate) key: K,
    #[serde(serialize_with = "serialize", deserialize_with = "deserialize")]
    pub(crate) record: R,
}

fn serialize<R: Record, S: Serializer>(record: &R, serializer: S) -> Result<S::Ok, S::Error> {
    let mut bytes = vec![R::VERSION];
    record.encode(&mut bytes).map_err(ser::Error::custom)?;
    serializer.serialize_bytes(&bytes)
}

fn deserialize<'de, R: Record, D: Deserializer<'de>>(deserializer: D) -> Result<R, D::Error> {
    let Some((version, payload)) = <&[u8]>::deserialize(deserializer)?.split_first() else {
        return Err(de::Error::custom("a record within a change is empty"));
    };
    R::decode(*version, payload).map_err(de::Error::custom)
}
