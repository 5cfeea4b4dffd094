//! JSON that keeps the order of its fields, to compare it field for field.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// Any JSON value that conversations are made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ordered {
    Null,
    Number(u64),
    Text(String),
    List(Vec<Self>),
    /// Its fields in their order.
    Map(Vec<(String, Self)>),
}

impl Ordered {
    pub(super) fn field(&self, name: &str) -> &Self {
        let Self::Map(fields) = self else {
            panic!("{name} of what is no object");
        };
        let found = fields.iter().find(|(field, _)| field == name);
        &found.unwrap_or_else(|| panic!("there is no {name}")).1
    }

    pub(super) fn field_mut(&mut self, name: &str) -> &mut Self {
        let Self::Map(fields) = self else {
            panic!("{name} of what is no object");
        };
        let found = fields.iter_mut().find(|(field, _)| field == name);
        &mut found.unwrap_or_else(|| panic!("there is no {name}")).1
    }

    pub(super) fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            other => panic!("no text: {other:?}"),
        }
    }

    pub(super) fn list(&self) -> &[Self] {
        match self {
            Self::List(list) => list,
            other => panic!("no list: {other:?}"),
        }
    }

    /// Adds a field behind the others.
    pub(super) fn push(&mut self, name: &str, value: Self) {
        let Self::Map(fields) = self else {
            panic!("{name} for what is no object");
        };
        fields.push((name.to_owned(), value));
    }

    pub(super) fn list_mut(&mut self) -> &mut Vec<Self> {
        match self {
            Self::List(list) => list,
            other => panic!("no list: {other:?}"),
        }
    }
}

struct OrderedVisitor;

impl<'de> Visitor<'de> for OrderedVisitor {
    type Value = Ordered;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("null, a whole number, a text, a list or an object")
    }

    fn visit_unit<E>(self) -> Result<Ordered, E> {
        Ok(Ordered::Null)
    }

    fn visit_u64<E>(self, number: u64) -> Result<Ordered, E> {
        Ok(Ordered::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Ordered, E> {
        Ok(Ordered::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Ordered, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = access.next_element()? {
            list.push(item);
        }
        Ok(Ordered::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Ordered, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = access.next_entry()? {
            fields.push(field);
        }
        Ok(Ordered::Map(fields))
    }
}

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OrderedVisitor)
    }
}

#[test]
fn two_objects_whose_fields_have_another_order_differ() {
    let read = |json: &str| serde_json::from_str::<Ordered>(json).unwrap();
    assert_eq!(
        read(r#"{"a":1,"b":[null]}"#),
        read(r#"{ "a": 1, "b": [null] }"#)
    );
    assert_ne!(read(r#"{"a":1,"b":2}"#), read(r#"{"b":2,"a":1}"#));
    assert_ne!(read(r#"{"a":null}"#), read("{}"));
}
