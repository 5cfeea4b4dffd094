//! `completions`: the completion script of a shell.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::Tool;
use crate::arguments::Arguments;
use crate::failure::Failure;

/// Write the completion script of a shell to standard output
///
/// For example: convodb completions bash > ~/.local/share/bash-completion/completions/convodb
#[derive(Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self, tool: &mut Tool) -> Result<(), Failure> {
        let mut script = Vec::new();
        let mut command = Arguments::command();
        clap_complete::generate(self.shell, &mut command, "convodb", &mut script);
        tool.output.raw(&script)
    }
}
