//! Bodies of answers that are written by a thread, as fast as the client reads them.
//!
//! Invariant: a body that ends as it should is whole. One whose writer failed or panicked is cut, which the client
//! sees, as the last chunk is missing.

use std::io::{self, Write};
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::app::App;
use crate::errors::{ApiError, chain};

/// How many pieces wait for the client.
const PIECES: usize = 4;
const PIECE_BYTES: usize = 64 * 1024;

enum Piece {
    Bytes(Bytes),
    Failed(convodb::Error),
    End,
}

/// What the writer of a body writes to. After its client has gone it takes nothing more.
pub(crate) struct Pipe(Sender<Piece>);

impl Pipe {
    /// Whether the client has gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Writes what may be left out, unless the client is behind.
    pub(crate) fn offer(&self, bytes: Vec<u8>) {
        let _ = self.0.try_send(Piece::Bytes(bytes.into()));
    }

    fn send(&self, piece: Piece) -> io::Result<()> {
        let sent = self.0.blocking_send(piece);
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for &Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = bytes.get(..PIECE_BYTES).unwrap_or(bytes);
        self.send(Piece::Bytes(Bytes::copy_from_slice(piece)))?;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An answer of this type, written on a thread of its own. An error before the first byte is the answer.
pub(crate) async fn streamed(
    app: &Arc<App>,
    kind: &'static str,
    write: impl FnOnce(&Pipe) -> convodb::Result<()> + Send + 'static,
) -> Result<Response, ApiError> {
    let (sender, mut pieces) = channel(PIECES);
    tokio::task::spawn_blocking(move || {
        let pipe = Pipe(sender);
        let last = match write(&pipe) {
            Ok(()) => Piece::End,
            Err(error) => Piece::Failed(error),
        };
        // If the client has gone, its own absence was the error.
        let _ = pipe.send(last);
    });
    let first = match pieces.recv().await {
        Some(Piece::Bytes(first)) => first,
        Some(Piece::End) => Bytes::new(),
        Some(Piece::Failed(error)) => return Err(app.failed(error)),
        // It panicked, and the panic hook has logged it.
        None => return Err(ApiError::of(StatusCode::INTERNAL_SERVER_ERROR)),
    };
    let mut response = Response::new(Body::from_stream(rest(Arc::clone(app), first, pieces)));
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}

fn rest(
    app: Arc<App>,
    first: Bytes,
    pieces: Receiver<Piece>,
) -> impl futures_util::Stream<Item = io::Result<Bytes>> {
    stream::unfold((Some(first), pieces), move |(first, mut pieces)| {
        let app = Arc::clone(&app);
        async move {
            if let Some(first) = first {
                // Behind an empty body its end is read.
                return match first.is_empty() {
                    true => None,
                    false => Some((Ok(first), (None, pieces))),
                };
            }
            let next = match pieces.recv().await {
                Some(Piece::Bytes(bytes)) => Ok(bytes),
                Some(Piece::End) => return None,
                Some(Piece::Failed(error)) => {
                    tracing::warn!("an answer was cut: {}", chain(&error));
                    app.notice(&error);
                    Err(io::Error::other("the store failed"))
                }
                None => Err(io::Error::other("the server failed")),
            };
            Some((next, (None, pieces)))
        }
    })
}
