//! What is measured.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    List,
    Deep,
    Get,
    Receive,
    Mixed,
    /// Lists, beside as many connections that receive.
    Beside,
    /// Messages that are received while as many streams of events are open.
    Streams,
}

impl Work {
    /// What is driven by one connection and by many. What only reads comes first, so that both inboxes are still
    /// the same.
    const PLAIN: [Self; 5] = [
        Self::List,
        Self::Deep,
        Self::Get,
        Self::Receive,
        Self::Mixed,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Deep => "deep",
            Self::Get => "get",
            Self::Receive => "receive",
            Self::Mixed => "mixed",
            Self::Beside => "beside",
            Self::Streams => "streams",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) work: Work,
    pub(crate) connections: usize,
}

impl Case {
    /// With the number of connections, as `benches/compare` names its threads.
    pub(crate) fn name(self) -> String {
        format!("{}/{}", self.work.name(), self.connections)
    }
}

/// Every kind of work, alone and by so many connections at once; messages are also received by four times as many.
pub(crate) fn all(connections: usize) -> Vec<Case> {
    let mut counts = vec![1, connections];
    counts.dedup();
    let mut cases = Vec::new();
    for work in Work::PLAIN {
        let case = |connections: &usize| Case {
            work,
            connections: *connections,
        };
        cases.extend(counts.iter().map(case));
    }
    cases.extend([
        Case {
            work: Work::Receive,
            connections: 4 * connections,
        },
        Case {
            work: Work::Beside,
            connections,
        },
        Case {
            work: Work::Streams,
            connections,
        },
    ]);
    cases
}
