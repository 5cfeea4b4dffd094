//! `convert`: turns what another program keeps into the lines that `import --lines` reads.

mod chatwoot;

use clap::{Args, Subcommand};

use super::{Tool, Verdict};
use crate::failure::Failure;

/// Convert what another program keeps into lines for `import --lines`
#[derive(Args)]
pub(crate) struct Convert {
    #[command(subcommand)]
    from: From,
}

#[derive(Subcommand)]
enum From {
    Chatwoot(chatwoot::Chatwoot),
}

impl Convert {
    pub(crate) fn run(self, tool: &mut Tool) -> Result<Verdict, Failure> {
        match self.from {
            From::Chatwoot(chatwoot) => chatwoot.run(tool),
        }
    }
}
