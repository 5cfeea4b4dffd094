//! Whole conversations from elsewhere: what an import keeps, what it refuses, and real ones.

mod care;
mod carried;
mod lines;
mod many;
mod ordered;
mod runs;
mod single;
