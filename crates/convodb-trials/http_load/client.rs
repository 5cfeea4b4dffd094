//! A client that costs next to nothing, as it shares the processors with what it measures: one
//! connection that is kept alive, one request at a time, nothing parsed but the head.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

/// Longer than either server lets a request take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// So long a stream without events is waited for, before it is asked whether to stop.
const MOMENT: Duration = Duration::from_millis(50);
const MOST_HEADERS: usize = 32;
/// More than a page of a hundred, or a conversation of some thousand messages.
const MOST_BYTES: usize = 16 << 20;

pub(crate) struct Client {
    stream: TcpStream,
    /// So much of it is filled, and nothing behind an answer.
    buffer: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

struct Head {
    status: u16,
    head_len: usize,
    body_len: usize,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let buffer = vec![0; 64 << 10];
        Ok(Self { stream, buffer })
    }

    /// Sends a whole request and waits for the whole answer.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.stream.write_all(request)?;
        let (mut filled, mut head) = (0, None);
        let head = loop {
            if let Some(Head {
                head_len, body_len, ..
            }) = head
            {
                let whole = head_len + body_len;
                ensure!(whole <= MOST_BYTES, "an answer of {whole} bytes");
                if whole > self.buffer.len() {
                    self.buffer.resize(whole, 0);
                }
            }
            filled += self.fill(filled)?;
            let received = self.buffer.get(..filled).unwrap_or_default();
            if head.is_none() {
                head = parse(received)?;
            }
            match &head {
                Some(known) if known.head_len + known.body_len <= filled => break known,
                None if filled == self.buffer.len() => bail!("a head without an end"),
                _ => {}
            }
        };
        let whole = head.head_len + head.body_len;
        ensure!(filled == whole, "more than the answer came");
        let body = self.buffer.get(head.head_len..whole).context("a body")?;
        let status = head.status;
        Ok(Answer { status, body })
    }

    /// Asks for a stream. Returns how many bytes have come: at least the head of the answer.
    pub(crate) fn open(&mut self, request: &[u8]) -> Result<u64> {
        self.stream.write_all(request)?;
        Ok(self.fill(0)? as u64)
    }

    /// Reads more of a stream. Returns how many bytes came, which may be none after a moment.
    pub(crate) fn more(&mut self) -> Result<u64> {
        self.stream.set_read_timeout(Some(MOMENT))?;
        match self.stream.read(&mut self.buffer) {
            Ok(0) => bail!("the server closed the stream"),
            Ok(more) => Ok(more as u64),
            // What a read that waited for long enough returns depends on the system.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::Interrupted | ErrorKind::TimedOut | ErrorKind::WouldBlock
                ) =>
            {
                Ok(0)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn fill(&mut self, from: usize) -> Result<usize> {
        let free = self.buffer.get_mut(from..).unwrap_or_default();
        loop {
            match self.stream.read(free) {
                Ok(0) => bail!("the server closed the connection"),
                Ok(more) => return Ok(more),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn parse(received: &[u8]) -> Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head_len) = response.parse(received)? else {
        return Ok(None);
    };
    let status = response.code.context("an answer without a status")?;
    let length = response
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"))
        .context("an answer without a length")?;
    Ok(Some(Head {
        status,
        head_len,
        body_len: std::str::from_utf8(length.value)?.trim().parse()?,
    }))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// A server that reads a byte of each request and answers with these pieces, each in a packet
    /// of its own.
    fn answering(pieces: &'static [&'static str], times: usize) -> Result<SocketAddr> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        thread::spawn(move || -> Result<()> {
            let (mut stream, _) = listener.accept()?;
            stream.set_nodelay(true)?;
            for _ in 0..times {
                stream.read_exact(&mut [0])?;
                for piece in pieces {
                    stream.write_all(piece.as_bytes())?;
                    thread::yield_now();
                }
            }
            Ok(())
        });
        Ok(address)
    }

    #[test]
    fn an_answer_in_pieces_is_one_and_the_connection_serves_the_next() -> Result<()> {
        let pieces = &[
            "HTTP/1.1 201 Cre",
            "ated\r\nContent-Le",
            "ngth: 5\r\n\r\nhe",
            "llo",
        ];
        let mut client = Client::connect(answering(pieces, 2)?)?;
        for _ in 0..2 {
            let answer = client.ask(b"?")?;
            assert_eq!((answer.status, answer.body), (201, &b"hello"[..]));
        }
        Ok(())
    }

    #[test]
    fn an_answer_that_is_cut_off_is_an_error_and_no_shorter_answer() -> Result<()> {
        let pieces = &["HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello"];
        let mut client = Client::connect(answering(pieces, 1)?)?;
        assert!(client.ask(b"?").is_err());
        Ok(())
    }

    #[test]
    fn an_answer_longer_than_the_buffer_is_read_whole() -> Result<()> {
        let long = "x".repeat(200_000);
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", long.len());
        let pieces = Box::leak(Box::new([&*head.leak(), &*long.clone().leak()]));
        let mut client = Client::connect(answering(pieces, 1)?)?;
        assert_eq!(client.ask(b"?")?.body, long.as_bytes());
        Ok(())
    }
}
