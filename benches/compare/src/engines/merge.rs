//! A page of the union of ordered streams.

use anyhow::Result;

use super::keys::Position;

/// An ordered stream that stands at a row, or behind its last.
pub(super) trait Stream {
    fn head(&self) -> Option<Position>;

    fn advance(&mut self) -> Result<()>;

    /// Passes over rows of which only the last is followed by one that is looked at.
    fn skip(&mut self, rows: u64) -> Result<()>;
}

/// Skips rows of the union, then gives each of the next ones to `take`.
pub(super) fn page<S: Stream>(
    streams: &mut [S],
    mut skip: u64,
    limit: usize,
    mut take: impl FnMut(&S) -> Result<()>,
) -> Result<()> {
    if let [stream] = streams {
        stream.skip(std::mem::take(&mut skip))?;
    }
    let mut taken = 0;
    while taken < limit {
        // At most sixteen: comparing them all beats a heap.
        let first = streams
            .iter_mut()
            .filter_map(|stream| Some((stream.head()?, stream)))
            .min_by_key(|(head, _)| *head);
        let Some((_, first)) = first else { break };
        if skip > 0 {
            skip -= 1;
        } else {
            take(first)?;
            taken += 1;
        }
        first.advance()?;
    }
    Ok(())
}
