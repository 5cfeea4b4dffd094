//! Measures convodb beside SQLite, LMDB and redb.

fn main() -> anyhow::Result<()> {
    compare::run()
}
