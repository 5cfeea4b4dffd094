//! Objects that have one of several shapes, described as one object with all fields and, beside it, what holds of
//! each shape. Generators of clients make one type of it, whose rules a validator checks.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, AllOfBuilder, ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type,
};

/// Schemas of fields, with whether each is required.
pub(super) type Fields = Vec<(&'static str, bool, RefOr<Schema>)>;

pub(super) const REQUIRED: bool = true;
pub(super) const OPTIONAL: bool = false;

/// Which fields a shape has, and what is narrower in it than in the object.
#[derive(Clone, Default)]
pub(super) struct Shape {
    fields: Vec<(&'static str, bool)>,
    narrower: Vec<(&'static str, RefOr<Schema>)>,
}

impl Shape {
    pub(super) fn requires(self, fields: &[&'static str]) -> Self {
        self.has(fields, REQUIRED)
    }

    pub(super) fn allows(self, fields: &[&'static str]) -> Self {
        self.has(fields, OPTIONAL)
    }

    fn has(mut self, fields: &[&'static str], required: bool) -> Self {
        self.fields.extend(fields.iter().map(|it| (*it, required)));
        self
    }

    /// A field that the shape has is of this schema too.
    pub(super) fn with(mut self, field: &'static str, schema: impl Into<RefOr<Schema>>) -> Self {
        self.narrower.push((field, schema.into()));
        self
    }

    /// The fields of both.
    pub(super) fn and(mut self, other: &Self) -> Self {
        self.fields.extend(&other.fields);
        self.narrower.extend(other.narrower.iter().cloned());
        self
    }

    /// What holds of an object with these names of fields, where the shape is one of several.
    fn schema(&self, names: &[&'static str], of_shapes: &[&'static str]) -> ObjectBuilder {
        let is_own = |name: &str| self.fields.iter().any(|(own, _)| *own == name);
        let allowed: Vec<_> = names
            .iter()
            .filter(|name| is_own(name) || !of_shapes.contains(name))
            .copied()
            .collect();
        let mut schema = ObjectBuilder::new();
        if allowed.len() < names.len() {
            let words = ObjectBuilder::new()
                .schema_type(Type::String)
                .enum_values(Some(allowed));
            schema = schema.property_names(Some(words));
        }
        for (field, _) in self.fields.iter().filter(|(_, required)| *required) {
            // A generator that takes an object without properties for an empty one sees the field.
            let any = ObjectBuilder::new().schema_type(SchemaType::AnyValue);
            schema = schema.property(*field, any).required(*field);
        }
        for (field, narrower) in &self.narrower {
            schema = schema.property(*field, narrower.clone());
        }
        schema
    }
}

/// An object with these fields and no others.
pub(super) fn object(fields: Fields) -> ObjectBuilder {
    let mut object = ObjectBuilder::new()
        .schema_type(Type::Object)
        .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)));
    for (name, required, schema) in fields {
        object = object.property(name, schema);
        if required {
            object = object.required(name);
        }
    }
    object
}

/// An object with these fields and no others, which has one shape of each group.
pub(super) fn shaped(description: &str, fields: Fields, groups: &[Vec<Shape>]) -> RefOr<Schema> {
    let names: Vec<_> = fields.iter().map(|(name, ..)| *name).collect();
    let mut all = AllOfBuilder::new()
        .description(Some(description))
        .item(object(fields));
    for shapes in groups {
        let of_shapes = shapes.iter().flat_map(|shape| &shape.fields);
        let of_shapes: Vec<_> = of_shapes.map(|(name, _)| *name).collect();
        let one = shapes.iter().fold(OneOfBuilder::new(), |one, shape| {
            one.item(shape.schema(&names, &of_shapes))
        });
        all = all.item(one);
    }
    all.into()
}
