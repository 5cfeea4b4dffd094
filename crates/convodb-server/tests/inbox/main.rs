//! The inbox as people see it: the page in a headless Chromium, over a server of its own.
//!
//! Without Debian's packages `chromium` and `chromium-driver` the tests are skipped, in one line that says so; with
//! `CONVODB_REQUIRE_CHROMIUM=1` they fail instead.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "that is how a test reports"
)]

mod browser;
mod colours;
mod conflicts;
mod desk;
mod direction;
mod driver;
mod files;
mod injection;
mod keyboard;
mod kinds;
mod labels;
mod limits;
mod live;
mod many;
mod screenshots;
mod seeds;
#[expect(dead_code, reason = "the tests of the API need all of it")]
#[path = "../api/server.rs"]
mod server;
mod signing_in;
mod tabs;
mod threads;
#[expect(dead_code, reason = "the tests of the API need all of it")]
#[path = "../api/workspace.rs"]
mod workspace;
