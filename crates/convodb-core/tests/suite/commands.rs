//! What each command decides on plain states, a module per command.

mod acknowledge;
mod add_note;
mod append;
mod assign;
mod bulk;
mod consumers;
mod delete;
mod echo;
mod erase_contact;
mod import;
mod mark_read;
mod purge;
mod record_delivery;
mod remove_assignee;
mod reply;
mod resolve;
mod save_assignee;
mod save_team;
mod set_provider_id;
