//! Spans for what takes time, with the feature `tracing`; nothing without it.

/// What a span is without the feature.
#[cfg(not(feature = "tracing"))]
pub(super) struct Entered;

/// A span of this name, until it is dropped.
macro_rules! span {
    ($name:ident) => {{
        #[cfg(feature = "tracing")]
        let entered = tracing::debug_span!(target: "convodb", stringify!($name)).entered();
        #[cfg(not(feature = "tracing"))]
        let entered = crate::store::trace::Entered;
        entered
    }};
}

pub(super) use span;
