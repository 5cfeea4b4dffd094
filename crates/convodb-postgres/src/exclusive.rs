//! A transaction that no other unit of its workspace overlaps: for work of the crate's own, which does not wait
//! for an application between its statements.

use std::sync::Arc;

use convodb_core::{Command, CommitSeq, Context, Outcome, Result};

use crate::error::Remedy;
use crate::fault::{Done, Fault};
use crate::store::Shared;
use crate::unit::Unit;

pub(crate) struct Exclusive {
    shared: Arc<Shared>,
    pub(crate) unit: Unit,
}

impl Exclusive {
    /// Waits until no other unit runs.
    pub(crate) async fn begin(shared: &Arc<Shared>) -> Result<Self> {
        let mut tries = 0;
        loop {
            let mut unit = shared.unit(true).await.map_err(Fault::into_error)?;
            let begun = async {
                unit.begin().await?;
                unit.load(&[]).await?;
                unit.begin_command();
                Done::Ok(())
            }
            .await;
            let Err(fault) = begun else {
                return Ok(Self {
                    shared: Arc::clone(shared),
                    unit,
                });
            };
            match fault.remedy() {
                Remedy::Reconnect => unit.session.discard(),
                _ => drop(unit.roll_back().await),
            }
            crate::store::read_again(shared, fault, &mut tries).await?;
        }
    }

    pub(crate) async fn execute<C: Command>(
        &mut self,
        context: &Context,
        command: &C,
    ) -> Result<Outcome<C::Output>> {
        let given = self.shared.given(context.clone());
        let done = self.unit.execute(&given, command).await;
        done.map_err(Fault::into_error)
    }

    /// Commits, if anything was applied.
    pub(crate) async fn commit(mut self) -> Result<Option<CommitSeq>> {
        self.unit.check_health()?;
        if !self.unit.applied {
            let seen = self.unit.commit_seq()?;
            self.roll_back().await?;
            return Ok(Some(seen));
        }
        match self.unit.end().await {
            Ok(commit) => {
                self.shared.publish(&self.unit);
                self.shared.committed();
                Ok(commit)
            }
            Err(fault) => {
                self.unit.session.discard();
                Err(fault.into_error())
            }
        }
    }

    pub(crate) async fn roll_back(self) -> Result<()> {
        match self.unit.roll_back().await {
            Ok(()) => Ok(()),
            Err(fault) => {
                self.unit.session.discard();
                Err(fault.into_error())
            }
        }
    }
}
