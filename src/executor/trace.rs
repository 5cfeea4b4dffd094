//! Tracing spans of slow operations. They need the feature `tracing`.

/// The guard of a span without the feature.
#[cfg(not(feature = "tracing"))]
pub(crate) struct Entered;

/// Opens a span of this name, which ends when the value is dropped.
macro_rules! span {
    ($name:ident) => {{
        #[cfg(feature = "tracing")]
        let entered = tracing::debug_span!(target: "convodb", stringify!($name)).entered();
        #[cfg(not(feature = "tracing"))]
        let entered = crate::executor::trace::Entered;
        entered
    }};
}

pub(super) use span;
