//! The rooms of the crate and what each may import: a lower room never imports an upper one.
//!
//! The sources are read as tokens, so a path counts wherever it stands, in a `use` tree or in an
//! expression, and one in a comment or a string does not.

mod held;
mod paths;
mod tokens;
