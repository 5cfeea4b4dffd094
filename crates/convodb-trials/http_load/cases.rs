//! What is measured.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    List,
    Deep,
    Get,
    Receive,
    Mixed,
}

impl Work {
    /// What only reads comes first, so that both inboxes are still the same.
    pub(crate) const ALL: [Self; 5] = [
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

/// Every kind of work, alone and by so many connections at once.
pub(crate) fn all(connections: usize) -> Vec<Case> {
    let mut counts = vec![1, connections];
    counts.dedup();
    let cases = Work::ALL.into_iter().flat_map(|work| {
        let case = move |connections| Case { work, connections };
        counts.clone().into_iter().map(case)
    });
    cases.collect()
}
