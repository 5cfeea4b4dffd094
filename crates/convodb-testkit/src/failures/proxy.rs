//! A proxy in front of a server, that cuts connections.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::JoinHandle;

use crate::postgres::Server;

/// The message that ends a transaction.
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";

/// Where a connection is cut at a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The request comes without its end.
    Before,
    /// The request comes to a random byte.
    Within,
    /// The request comes, and no answer.
    After,
    /// The request comes, and a random number of bytes of the answer.
    WithinAnswer,
    /// The client's connection is cut, and the request comes later.
    Late,
}

impl Cut {
    pub const ALL: [Self; 5] = [
        Self::Before,
        Self::Within,
        Self::After,
        Self::WithinAnswer,
        Self::Late,
    ];
}

/// Listens at an address of this machine, and passes what comes on to a server.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    state: Arc<Cutter>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Cutter {
    socket: PathBuf,
    /// One in so many commits is cut. 0: none.
    one_in: AtomicU64,
    /// Only this one, where it is below the number of kinds.
    kind: AtomicU64,
    drawn: AtomicU64,
    /// New connections are refused.
    is_closed: AtomicBool,
    cuts: [AtomicU64; Cut::ALL.len()],
}

impl Proxy {
    pub async fn start(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Cutter {
            socket: server.dir().join(".s.PGSQL.5432"),
            one_in: AtomicU64::new(0),
            kind: AtomicU64::new(u64::MAX),
            drawn: AtomicU64::new(0),
            is_closed: AtomicBool::new(false),
            cuts: Default::default(),
        });
        let cutter = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let cutter = Arc::clone(&cutter);
                tokio::spawn(async move { cutter.pass(client).await });
            }
        });
        Self { port, state, task }
    }

    /// From now on, one in so many commits meets a cut: of each kind in turn where none is given.
    pub fn cut(&self, one_in: u64, kind: Option<Cut>) {
        let number = kind.map_or(u64::MAX, |kind| kind as u64);
        self.state.kind.store(number, Ordering::SeqCst);
        self.state.one_in.store(one_in, Ordering::SeqCst);
    }

    /// Refuses new connections, or takes them again.
    pub fn close(&self, is_closed: bool) {
        self.state.is_closed.store(is_closed, Ordering::SeqCst);
    }

    /// How many commits met this.
    pub fn cuts(&self, kind: Cut) -> u64 {
        let cuts = self.state.cuts.get(kind as usize);
        cuts.map_or(0, |cuts| cuts.load(Ordering::SeqCst))
    }

    /// A string that leads through it.
    pub fn url(&self, database: &str) -> String {
        format!(
            "host=127.0.0.1 port={} user=convodb dbname={database}",
            self.port
        )
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Cutter {
    fn draw(&self) -> Option<Cut> {
        let one_in = self.one_in.load(Ordering::SeqCst);
        if one_in == 0 || !random().is_multiple_of(one_in) {
            return None;
        }
        let kind = self.kind.load(Ordering::SeqCst);
        let drawn = self.drawn.fetch_add(1, Ordering::SeqCst);
        let number = match Cut::ALL.get(kind as usize) {
            Some(_) => kind as usize,
            None => drawn as usize % Cut::ALL.len(),
        };
        if let Some(cuts) = self.cuts.get(number) {
            cuts.fetch_add(1, Ordering::SeqCst);
        }
        Cut::ALL.get(number).copied()
    }

    async fn pass(&self, client: TcpStream) {
        if self.is_closed.load(Ordering::SeqCst) {
            return;
        }
        let Ok(server) = UnixStream::connect(&self.socket).await else {
            return;
        };
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        // Answers are passed on up to so many bytes from when a cut sets it.
        let left = AtomicU64::new(u64::MAX);
        tokio::select! {
            () = self.requests(&mut from_client, &mut to_server, &left) => {}
            () = answers(&mut from_server, &mut to_client, &left) => {}
        }
        let late = left.load(Ordering::SeqCst) == 0;
        drop((from_client, to_client));
        if late {
            // The server goes on with what it has, and its answers lead nowhere.
            let mut rest = Vec::new();
            let read = from_server.read_to_end(&mut rest);
            let _ = tokio::time::timeout(Duration::from_millis(400), read).await;
        }
    }

    async fn requests(
        &self,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
        left: &AtomicU64,
    ) {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let Ok(read @ 1..) = from.read(&mut buffer).await else {
                return;
            };
            let bytes = &buffer[..read];
            let at = bytes.windows(COMMIT.len()).position(|part| part == COMMIT);
            let cut = at.and_then(|_| self.draw());
            let passed = match cut {
                Some(Cut::Before) => &bytes[..at.unwrap_or(0)],
                Some(Cut::Within) => &bytes[..random() as usize % read],
                _ => bytes,
            };
            match cut {
                None => {}
                Some(Cut::WithinAnswer) => left.store(1 + random() % 200, Ordering::SeqCst),
                Some(Cut::Late) => {
                    left.store(0, Ordering::SeqCst);
                    let (passed, millis) = (passed.to_vec(), random() % 60);
                    return hold(to, passed, millis).await;
                }
                Some(_) => left.store(0, Ordering::SeqCst),
            }
            if to.write_all(passed).await.is_err() || left.load(Ordering::SeqCst) == 0 {
                return;
            }
        }
    }
}

/// Passes on what a client has sent whose connection is cut: so many milliseconds later.
async fn hold(to: &mut (impl AsyncWrite + Unpin), bytes: Vec<u8>, millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
    let _ = to.write_all(&bytes).await;
}

async fn answers(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    left: &AtomicU64,
) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let Ok(read @ 1..) = from.read(&mut buffer).await else {
            return;
        };
        let bound = left.load(Ordering::SeqCst);
        let passed = usize::try_from(bound).unwrap_or(usize::MAX).min(read);
        if to.write_all(&buffer[..passed]).await.is_err() {
            return;
        }
        if bound != u64::MAX {
            let rest = bound.saturating_sub(passed as u64);
            left.store(rest, Ordering::SeqCst);
            if rest == 0 {
                return;
            }
        }
    }
}

/// Random bits that no seed gives: a cut meets another moment each time anyway.
fn random() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(0)
}
